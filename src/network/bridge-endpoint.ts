/** An endpoint on a bridge: a veth pair, one end a port of the bridge, the other in the container. */
import { encodeLate, netlinkFamily, type NetlinkMessage } from '../linux/netlink/message.ts';
import { addAddress, addRoute, deleteLink, newVeth, setBridgePort, setLink } from '../linux/netlink/route.ts';
import type { NetworkOperations } from '../runtime/compile.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import { addressBytes, macBytes } from './address-bytes.ts';
import type { Endpoint, EndpointAddress } from './network.ts';

/** What the endpoint's network says about it. */
export interface BridgePort {
  /** The bridge's interface. */
  readonly bridge: string;
  /** Bytes; undefined is the kernel's choice. */
  readonly mtu: number | undefined;
  /** It does not reach other ports (`com.docker.network.bridge.enable_icc=false`). */
  readonly isolated: boolean;
  /** It passes on what comes from itself: a published port that leads back to its container, where bridges are filtered. */
  readonly hairpin: boolean;
  /** The default route of each family goes through this endpoint. */
  readonly isDefault: { readonly ipv4: boolean; readonly ipv6: boolean };
}

/** Where the endpoint is made. */
export interface Sandbox {
  /** The kernel has IPv6 at all. */
  readonly ipv6: boolean;
  /** A process in the container's network namespace; `child` is the one that the shim has just cloned. */
  readonly namespacePid: number | 'child';
}

export function bridgeEndpoint(endpoint: Endpoint, port: BridgePort, { ipv6, namespacePid }: Sandbox): NetworkOperations {
  const { interfaceName, hostInterface } = endpoint;
  const mtu = port.mtu === undefined ? {} : { mtu: port.mtu };
  const pair = newVeth(
    { name: hostInterface, up: true, master: port.bridge, ...mtu },
    { name: interfaceName, mac: macBytes(endpoint.mac), namespacePid, ...mtu },
  );
  return {
    prepare: [],
    // Its address is free from here on: nobody answers for it any more.
    release: [{ ...netlinkOperation('nothing comes through the cable any more', [setBridgePort(hostInterface, { state: 'disabled' })]), optional: 1 }],
    // It would go with the namespace, but not while another container shares that. The kernel takes 20 ms for it, most of them an
    // rcu_barrier() in which nothing is locked (netdev_run_todo).
    afterwards: [{ ...netlinkOperation('the cable goes with the container', [deleteLink(hostInterface)]), optional: 1 }],
    host: [
      netlinkOperation('a cable from the bridge into the container', [pair]),
      ...(port.isolated ? [netlinkOperation('it does not reach its neighbours', [setBridgePort(hostInterface, { isolated: true })])] : []),
      ...(port.hairpin ? [netlinkOperation('its published ports lead back to itself, too', [setBridgePort(hostInterface, { hairpin: true })])] : []),
    ],
    init: [
      ...(ipv6 && endpoint.ipv6 === null ? [withoutIPv6(interfaceName)] : []),
      netlinkOperation('its address, and the way out', configuration(endpoint, port)),
    ],
  };
}

/** An interface without an IPv6 address of the network has none at all, not even a link-local one. */
const withoutIPv6 = (name: string): Operation => ({
  name: 'writeFile', reason: 'a network without IPv6', path: `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, data: '1', create: 0, mode: 0,
});

function configuration(endpoint: Endpoint, { isDefault }: BridgePort): NetlinkMessage[] {
  const { interfaceName, ipv4, ipv6 } = endpoint;
  return [
    ...[ipv4, ipv6].flatMap((each) => (each === null ? [] : [addAddress(interfaceName, prefixOf(each))])),
    setLink(interfaceName, { up: true }),
    ...(isDefault.ipv4 ? defaultRoute(endpoint, 'ipv4') : []),
    ...(isDefault.ipv6 ? defaultRoute(endpoint, 'ipv6') : []),
  ];
}

/** Takes the place of one that goes through another endpoint. Empty for a network without a gateway. */
export function defaultRoute(endpoint: Endpoint, family: 'ipv4' | 'ipv6'): NetlinkMessage[] {
  const gateway = endpoint[family]?.gateway ?? '';
  return gateway === '' ? [] : [addRoute({ family: family === 'ipv4' ? 4 : 6, link: endpoint.interfaceName, gateway: addressBytes(gateway) })];
}

const prefixOf = ({ address, prefixLength }: EndpointAddress) => ({ address: addressBytes(address), length: prefixLength });

export function netlinkOperation(reason: string, messages: readonly NetlinkMessage[]): Extract<Operation, { name: 'netlink' }> {
  return { name: 'netlink', reason, family: netlinkFamily.route, ...encodeLate(messages), optional: 0 };
}
