/** Endpoints of the drivers macvlan and ipvlan: an interface in the container over one of the host, which is the network's parent. */
import { invalidParameter, systemError } from '../errors.ts';
import { encodeLate } from '../linux/netlink/message.ts';
import { addRoute, deleteLink, newIpvlan, newMacvlan, setLink } from '../linux/netlink/route.ts';
import type { NetworkOperations } from '../runtime/compile.ts';
import { macBytes } from './address-bytes.ts';
import type { EndpointDriver, EndpointPlace } from './endpoint-driver.ts';
import { configureInterface, netlinkOperation } from './endpoint-interface.ts';
import type { Endpoint, NetworkRecord, NetworkRegistry } from './network.ts';
import { ipvlanFlagOf, ipvlanModeOf, macvlanModeOf, type ParentDriver } from './parent-options.ts';

/** Of the default route on a network that is routed by its parent: any other that a container has goes before it. */
const lastMetric = 1024;

export class ParentEndpoints implements EndpointDriver {
  // The host itself does not reach them (and Docker ignores what is asked for).
  readonly publishesPorts = false;
  readonly #driver: ParentDriver;
  readonly #networks: NetworkRegistry;

  constructor(driver: ParentDriver, networks: NetworkRegistry) {
    this.#driver = driver;
    this.#networks = networks;
  }

  prepare(network: NetworkRecord, { asked, chosen }: { readonly asked: string | undefined; readonly chosen: string }): Pick<Endpoint, 'mac' | 'hostInterface'> {
    if (this.#driver === 'ipvlan' && asked !== undefined) throw invalidParameter('ipvlan interfaces do not support custom mac address assignment');
    const { name, isThere } = this.#networks.parentOf(network);
    if (!isThere) throw systemError(`the requested parent interface ${name} was not found on the Docker host`, { object: network.name });
    // All interfaces of an ipvlan have their parent's, which inspect does not show.
    return { mac: this.#driver === 'ipvlan' ? '' : asked ?? chosen, hostInterface: '' };
  }

  operations(endpoint: Endpoint, network: NetworkRecord, place: EndpointPlace): NetworkOperations {
    const { interfaceName } = endpoint;
    const { messages, links, linkOffsets } = encodeLate([deleteLink(interfaceName)]);
    return {
      prepare: [],
      host: [this.#interface(endpoint, network, place)],
      init: this.#configuration(endpoint, network, place),
      // Its addresses are free from here on, of which the hardware's may be one only once. The namespace's end would come later.
      release: [{ name: 'netlinkInside', reason: 'nobody answers for its addresses any more', messages, links, linkOffsets }],
      afterwards: [],
    };
  }

  #interface({ interfaceName, mac }: Endpoint, network: NetworkRecord, { namespacePid }: EndpointPlace): NetworkOperations['host'][number] {
    const settings = { name: interfaceName, link: this.#networks.parentOf(network).name, namespacePid };
    const { options } = network;
    const message = this.#driver === 'macvlan'
      ? newMacvlan({ ...settings, mac: macBytes(mac) }, macvlanModeOf(options))
      : newIpvlan(settings, ipvlanModeOf(options), ipvlanFlagOf(options));
    return netlinkOperation(`an interface beside that of the host, ${this.#driver}`, [message]);
  }

  #configuration(endpoint: Endpoint, network: NetworkRecord, place: EndpointPlace): NetworkOperations['init'] {
    const { interfaceName, mac } = endpoint;
    const { options, internal } = network;
    // In this mode it begins with its parent's address (macvlan_common_newlink), and gives the parent its own until its end.
    const isPassthru = this.#driver === 'macvlan' && macvlanModeOf(options) === 'passthru';
    const isRouted = this.#driver === 'ipvlan' && ipvlanModeOf(options) !== 'l2' && !internal;
    const families = ([4, 6] as const).filter((family) => isRouted && endpoint[`ipv${family}`] !== null);
    return [
      ...(isPassthru ? [netlinkOperation('its own hardware address', [setLink(interfaceName, { mac: macBytes(mac) })])] : []),
      ...configureInterface(endpoint, place, families.map((family) => addRoute({ family, link: interfaceName, metric: lastMetric }))),
    ];
  }
}
