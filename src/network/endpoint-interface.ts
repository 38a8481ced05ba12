/** What is the same for the interfaces of all endpoints: addresses and routes, set in the container's network namespace. */
import { encodeLate, netlinkFamily, type NetlinkMessage } from '../linux/netlink/message.ts';
import { shapeLink } from '../linux/netlink/shaping.ts';
import { addAddress, addRoute, setLink } from '../linux/netlink/route.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import { addressBytes } from './address-bytes.ts';
import type { EndpointPlace } from './endpoint-driver.ts';
import type { Endpoint, EndpointAddress } from './network.ts';
import { shapeFor } from './network-rate.ts';

/** `more`: messages for when the interface is up, before the default routes. */
export function configureInterface(endpoint: Endpoint, { ipv6, isDefault, linkLocal, rate, sysctls }: EndpointPlace, more: readonly NetlinkMessage[] = []): Operation[] {
  const { interfaceName } = endpoint;
  return [
    ...(ipv6 && endpoint.ipv6 === null ? [withoutIPv6(interfaceName)] : []),
    ...sysctls.map(({ path, value }) => setting('as was asked for', path, value)),
    netlinkOperation('its address, and the way out', [
      ...[endpoint.ipv4, endpoint.ipv6].flatMap((each) => (each === null ? [] : [addAddress(interfaceName, prefixOf(each))])),
      ...linkLocal.map((address) => addAddress(interfaceName, prefixOf({ address, prefixLength: address.includes(':') ? 64 : 16 }))),
      setLink(interfaceName, { up: true }),
      ...more,
      ...(isDefault.ipv4 ? defaultRoute(endpoint, 'ipv4') : []),
      ...(isDefault.ipv6 ? defaultRoute(endpoint, 'ipv6') : []),
    ]),
    ...limited(interfaceName, rate),
  ];
}

/** What leaves by an interface is limited; what comes in by it leaves by another one. */
export const limited = (name: string, rate: number): Operation[] =>
  (rate === 0 ? [] : [netlinkOperation('no faster than it may be', [shapeLink(name, shapeFor(rate))])]);

/** An interface without an IPv6 address of the network has none at all, not even a link-local one. */
const withoutIPv6 = (name: string): Operation => setting('a network without IPv6', `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');

const setting = (reason: string, path: string, data: string): Operation => ({ name: 'writeFile', reason, path, data, create: 0, mode: 0 });

/** Takes the place of one that goes through another endpoint. Empty for a network without a gateway. */
export function defaultRoute(endpoint: Endpoint, family: 'ipv4' | 'ipv6'): NetlinkMessage[] {
  const gateway = endpoint[family]?.gateway ?? '';
  return gateway === '' ? [] : [addRoute({ family: family === 'ipv4' ? 4 : 6, link: endpoint.interfaceName, gateway: addressBytes(gateway) })];
}

const prefixOf = ({ address, prefixLength }: Pick<EndpointAddress, 'address' | 'prefixLength'>) => ({ address: addressBytes(address), length: prefixLength });

export function netlinkOperation(reason: string, messages: readonly NetlinkMessage[]): Extract<Operation, { name: 'netlink' }> {
  return { name: 'netlink', reason, family: netlinkFamily.route, ...encodeLate(messages), optional: 0 };
}
