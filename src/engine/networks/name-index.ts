/** Who has which name on which network: made again from the containers' endpoints after a change. */
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';
import { reverseName } from '../../network/dns/reverse.ts';
import type { Container } from '../container.ts';
import type { ContainerRegistry } from '../container-registry.ts';
import type { EngineContext } from '../context.ts';
import { dnsNames, settingsOf } from './names.ts';

/** Names in lower case. */
export interface NetworkNames {
  readonly network: NetworkRecord;
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** By the name that an address is looked up by: `NAME.NETWORK` of who has it. */
  readonly owners: ReadonlyMap<string, string>;
}

/** The default network has no name service; nor have those that are not of containers. */
const hasNames = ({ name, driver }: NetworkRecord): boolean => driver !== 'host' && driver !== 'null' && name !== 'bridge';

/** Whether a container has a name service, being on a network with names. */
export const usesNameService = ({ networks }: EngineContext, { record }: Container): boolean => record.endpoints.some(({ networkId }) => {
  const network = networks.find(networkId);
  return network !== undefined && hasNames(network);
});

export class NameIndex {
  readonly #containers: ContainerRegistry;
  readonly #networks: NetworkRegistry;
  #names: Map<string, NetworkNames> | undefined;

  constructor(containers: ContainerRegistry, networks: NetworkRegistry) {
    this.#containers = containers;
    this.#networks = networks;
  }

  /** Endpoints or names have changed. */
  forget(): void {
    this.#names = undefined;
  }

  /** Of a network on which a container has an endpoint; undefined for one without names. */
  of(networkId: string): NetworkNames | undefined {
    this.#names ??= this.#build();
    return this.#names.get(networkId);
  }

  #build(): Map<string, NetworkNames> {
    const names = new Map<string, { network: NetworkRecord; addresses: Map<string, string[]>; owners: Map<string, string> }>();
    for (const container of this.#containers.all()) {
      for (const endpoint of container.record.endpoints) {
        const network = this.#networks.find(endpoint.networkId);
        if (network === undefined || !hasNames(network)) continue;
        const entry = names.get(network.id) ?? { network, addresses: new Map<string, string[]>(), owners: new Map<string, string>() };
        names.set(network.id, entry);
        const addresses = [endpoint.ipv4, endpoint.ipv6].flatMap((each) => each?.address ?? []);
        for (const name of namesOf(container, network)) entry.addresses.set(name, [...new Set([...entry.addresses.get(name) ?? [], ...addresses])]);
        for (const address of addresses) entry.owners.set(reverseName(address), `${container.record.name}.${network.name}`);
      }
    }
    return names;
  }
}

const namesOf = (container: Container, network: NetworkRecord): string[] =>
  dnsNames(container, settingsOf(container.record.networks, network) ?? {}).map((name) => name.toLowerCase());
