/** The networks of an engine: made, found, removed; their bridges; who has which address on them. */
import { randomBytes } from 'node:crypto';
import { conflict, forbidden, systemError } from '../errors.ts';
import { NetlinkSocket } from '../linux/ffi/netlink.ts';
import { netlinkFamily } from '../linux/netlink/message.ts';
import type { NetworkStore } from '../store/networks.ts';
import { type AddressPlan, planAddresses } from './address-plan.ts';
import { AddressBook } from './addresses/address-book.ts';
import type { AddressBlock } from './addresses/subnets.ts';
import { uniqueLocalBlock } from './addresses/subnets.ts';
import { parseBridgeOptions } from './bridge-options.ts';
import { bridgeName, bridgeSpec } from './bridge-spec.ts';
import { Bridges } from './bridges.ts';
import { type DefaultBridge, defaultBridgeRecord } from './default-bridge.ts';
import { hostNetworks } from './host-networks.ts';
import type { AddressRequest, Endpoint, NetworkRecord, NetworkRegistry } from './network.ts';
import { checkIpamDriver, checkRequest, dependants, driverOf, type NetworkRequest, withConfiguration } from './network-request.ts';
import { NetworkTable } from './network-table.ts';
import { OwnedLinks } from './owned-links.ts';
import { isParentDriver, needsNoGateway } from './parent-options.ts';
import { parentName, Parents } from './parents.ts';
import { newPredefined, predefinedNames } from './predefined.ts';

export interface NetworksOptions {
  readonly store: NetworkStore;
  readonly defaultBridge: DefaultBridge;
  /** What networks get their subnets from. */
  readonly blocks: readonly AddressBlock[];
  /** The time as records have it: RFC 3339 with nanoseconds. */
  readonly now: () => string;
}

export class Networks implements NetworkRegistry {
  readonly #table: NetworkTable;
  readonly #socket: NetlinkSocket;
  readonly #links: OwnedLinks;
  readonly #bridges: Bridges;
  readonly #parents: Parents;
  readonly #blocks: readonly AddressBlock[];
  readonly #now: () => string;
  readonly #book = new AddressBook();

  /** Makes the predefined networks at the first start. Touches no interface. */
  constructor({ store, defaultBridge, blocks, now }: NetworksOptions) {
    this.#now = now;
    this.#table = new NetworkTable(store);
    this.#socket = new NetlinkSocket(netlinkFamily.route);
    for (const name of predefinedNames) if (this.#table.named(name) === undefined) this.#table.put(newPredefined(name, now()));
    const { id } = this.#table.get('bridge');
    // The default network's id is random and stays: as good as an id of the engine.
    this.#links = new OwnedLinks(this.#socket, id.slice(0, 12));
    this.#bridges = new Bridges(this.#socket, this.#links);
    this.#parents = new Parents(this.#socket, this.#links);
    this.#blocks = [...blocks, uniqueLocalBlock(id)];
    this.#setUpDefault(defaultBridge);
    for (const network of this.#table.all()) this.#book.open(network);
  }

  #setUpDefault(asked: DefaultBridge): void {
    const record = this.#table.get('bridge');
    const supply = { blocks: this.#blocks, taken: this.#poolsBut(record.id), host: () => this.#hostNetworks([asked.name]) };
    this.#table.put(defaultBridgeRecord(record, asked, this.#bridges, supply));
  }

  /** At the daemon's start: bridges and parents that are missing are made, those that nobody owns any more are removed. */
  restore(onFailure: (network: NetworkRecord, error: unknown) => void): void {
    this.#links.removeUnowned((id) => this.#table.has(id));
    for (const network of this.#table.all()) {
      // The default one waits for its first container.
      if (network.name === 'bridge') continue;
      try {
        this.#ensureInterface(network);
      } catch (error) {
        onFailure(network, error);
      }
    }
  }

  all(): readonly NetworkRecord[] {
    return this.#table.all();
  }

  get(ref: string): NetworkRecord {
    return this.#table.get(ref);
  }

  find(ref: string): NetworkRecord | undefined {
    return this.#table.find(ref);
  }

  /** A sentence for the client may come with it. Throws in Docker's words, and then nothing is left of it. */
  create(asked: NetworkRequest): { readonly network: NetworkRecord; readonly warning: string } {
    checkRequest(asked);
    if (this.#table.named(asked.name) !== undefined) throw conflict(`network with name ${asked.name} already exists`, { object: asked.name });
    const request = withConfiguration(asked, this.#table);
    const driver = driverOf(request);
    checkIpamDriver(request.ipam.driver);
    const plan = request.configOnly ? { pools: [], shown: request.ipam.config, warning: '' } : this.#plan(request, driver);
    const { name, enableIPv4, enableIPv6, internal, attachable, ingress, configOnly, configFrom, options, labels } = request;
    const network: NetworkRecord = {
      id: randomBytes(32).toString('hex'), name, created: this.#now(), driver, scope: request.scope === '' ? 'local' : request.scope,
      enableIPv4, enableIPv6, internal, attachable, ingress, configOnly, configFrom,
      ipam: { driver: 'default', options: request.ipam.options, config: plan.shown }, pools: plan.pools, options, labels,
    };
    this.#make(network);
    return { network, warning: plan.warning };
  }

  #plan({ enableIPv4, enableIPv6, internal, options, ipam }: NetworkRequest, driver: NetworkRecord['driver']): AddressPlan {
    const own = options['com.docker.network.bridge.name'] ?? '';
    const none = (mode: string) => driver === 'bridge' && internal && options[`com.docker.network.bridge.gateway_mode_${mode}`] === 'isolated';
    const skip = isParentDriver(driver) && needsNoGateway(driver, options, internal);
    return planAddresses(
      { enableIPv4, enableIPv6, config: ipam.config, skipGateway: { ipv4: skip || none('ipv4'), ipv6: skip || none('ipv6') } },
      { blocks: this.#blocks, taken: this.#poolsBut(''), host: () => this.#hostNetworks([own]) },
    );
  }

  #make(network: NetworkRecord): void {
    const others = this.#table.all();
    if (isParentDriver(network.driver)) this.#parents.check(network.driver, network.options, others);
    if (network.driver === 'bridge') checkBridge(network, others);
    this.#ensureInterface(network);
    try {
      this.#table.put(network);
    } catch (error) {
      this.#removeInterface(network);
      throw error;
    }
    this.#book.open(network);
  }

  /** Whether containers use it has been looked at. Throws forbidden for a configuration that others have. */
  remove(network: NetworkRecord): void {
    if (dependants(network, this.#table).length > 0) {
      throw forbidden(`error while removing network: configuration network "${network.name}" is in use`);
    }
    this.#table.delete(network.id);
    this.#book.close(network);
    this.#removeInterface(network);
  }

  /** What a network has on the host is there when this returns. */
  #ensureInterface(network: NetworkRecord): void {
    if (network.driver === 'bridge') this.#bridges.ensure(bridgeSpec(network));
    if (isParentDriver(network.driver)) this.#parents.ensure(network);
  }

  /** The network is not in the table (any more). */
  #removeInterface(network: NetworkRecord): void {
    if (network.driver === 'bridge') this.#links.remove(bridgeName(network));
    if (isParentDriver(network.driver)) this.#parents.remove(network, this.#table.all());
  }

  bridgeOf(network: NetworkRecord): string {
    const name = bridgeName(network);
    if (!this.#bridges.isUp(name)) this.#bridges.ensure(bridgeSpec(network));
    return name;
  }

  parentOf(network: NetworkRecord): { readonly name: string; readonly isThere: boolean } {
    return { name: parentName(network), isThere: this.#parents.isThere(network) };
  }

  allocate(network: NetworkRecord, request: AddressRequest): Pick<Endpoint, 'mac' | 'ipv4' | 'ipv6'> {
    return this.#book.allocate(network, request);
  }

  reserve(endpoint: Endpoint): void {
    this.#book.reserve(endpoint);
  }

  release(endpoint: Endpoint): void {
    this.#book.release(endpoint);
  }

  #poolsBut(id: string) {
    return this.#table.all().flatMap((network) => (network.id === id ? [] : network.pools));
  }

  /** Networks of the host that are not ours. */
  #hostNetworks(except: readonly string[]) {
    const bridges = this.#table.all().filter(({ driver }) => driver === 'bridge').map(bridgeName);
    try {
      return hostNetworks(this.#socket, new Set([...bridges, ...except]));
    } catch (error) {
      throw systemError('cannot list the addresses and routes of this host', { cause: error });
    }
  }
}

/** Throws in Docker's words. */
function checkBridge(network: NetworkRecord, others: readonly NetworkRecord[]): void {
  const familyCount = (v6: boolean) => network.pools.filter(({ subnet }) => subnet.includes(':') === v6).length;
  if (familyCount(false) > 1 || familyCount(true) > 1) throw forbidden("bridge driver doesn't support multiple subnets");
  parseBridgeOptions(network.options, network.internal);
  const name = bridgeName(network);
  const namesake = others.find((other) => other.driver === 'bridge' && bridgeName(other) === name);
  if (namesake !== undefined) {
    throw forbidden(`cannot create network ${network.id} (${name}): conflicts with network ${namesake.id} (${name}): networks have same bridge name`);
  }
}
