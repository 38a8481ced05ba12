/** Endpoints on a bridge: a veth pair, one end a port of the bridge, the other in the container. */
import { randomBytes } from 'node:crypto';
import { deleteLink, newVeth, setBridgePort } from '../linux/netlink/route.ts';
import type { NetworkOperations } from '../runtime/compile.ts';
import { macBytes } from './address-bytes.ts';
import { parseGoBool } from './bridge-options.ts';
import type { EndpointDriver, EndpointPlace } from './endpoint-driver.ts';
import { configureInterface, limited, netlinkOperation } from './endpoint-interface.ts';
import { bridgesAreFiltered } from './filter/forwarding.ts';
import type { Endpoint, NetworkRecord, NetworkRegistry } from './network.ts';

/** Linux's names have room for eight more characters (IFNAMSIZ). */
const hostInterfaceName = () => `veth${randomBytes(4).toString('hex').slice(0, 7)}`;

export class BridgeEndpoints implements EndpointDriver {
  readonly publishesPorts = true;
  readonly #networks: NetworkRegistry;

  constructor(networks: NetworkRegistry) {
    this.#networks = networks;
  }

  prepare(_network: NetworkRecord, { asked, chosen }: { readonly asked: string | undefined; readonly chosen: string }): Pick<Endpoint, 'mac' | 'hostInterface'> {
    return { mac: asked ?? chosen, hostInterface: hostInterfaceName() };
  }

  operations(endpoint: Endpoint, network: NetworkRecord, place: EndpointPlace): NetworkOperations {
    const { hostInterface } = endpoint;
    return {
      prepare: [],
      // Its address is free from here on: nobody answers for it any more.
      release: [{ ...netlinkOperation('nothing comes through the cable any more', [setBridgePort(hostInterface, { state: 'disabled' })]), optional: 1 }],
      // It would go with the namespace, but not while another container shares that. The kernel takes 20 ms for it, most of them an
      // rcu_barrier() in which nothing is locked (netdev_run_todo).
      afterwards: [{ ...netlinkOperation('the cable goes with the container', [deleteLink(hostInterface)]), optional: 1 }],
      host: this.#cable(endpoint, network, place),
      init: configureInterface(endpoint, place),
    };
  }

  #cable({ interfaceName, hostInterface, mac }: Endpoint, network: NetworkRecord, { namespacePid, publishes, rate }: EndpointPlace): NetworkOperations['host'] {
    const size = Number(network.options['com.docker.network.driver.mtu'] ?? '');
    const mtu = size > 0 ? { mtu: size } : {};
    const pair = newVeth(
      { name: hostInterface, up: true, master: this.#networks.bridgeOf(network), ...mtu },
      { name: interfaceName, mac: macBytes(mac), namespacePid, ...mtu },
    );
    const isolated = parseGoBool(network.options['com.docker.network.bridge.enable_icc'] ?? '') === false;
    // A published port that leads back to its container goes back through the port it came from, where bridges are filtered.
    const hairpin = publishes && bridgesAreFiltered();
    return [
      netlinkOperation('a cable from the bridge into the container', [pair]),
      ...limited(hostInterface, rate),
      ...(isolated ? [netlinkOperation('it does not reach its neighbours', [setBridgePort(hostInterface, { isolated: true })])] : []),
      ...(hairpin ? [netlinkOperation('its published ports lead back to itself, too', [setBridgePort(hostInterface, { hairpin: true })])] : []),
    ];
  }
}
