/** Files with the names on each network, which the name services of its containers read; rewritten when a name or an endpoint changes. */
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeNameTable, type NameOwner } from '../../network/dns/table.ts';
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';
import type { Container } from '../container.ts';
import type { ContainerRegistry } from '../container-registry.ts';
import { dnsNames, settingsOf } from './names.ts';

/** Those that are not of containers have no names. */
const hasNames = ({ driver }: NetworkRecord): boolean => driver !== 'host' && driver !== 'null';
/** It has no name service that a container knows of: its names are those that people have chosen, and come after its servers'. */
const isDefault = ({ name }: NetworkRecord): boolean => name === 'bridge';

export class NameTables {
  readonly #directory: string;
  readonly #containers: ContainerRegistry;
  readonly #networks: NetworkRegistry;
  /** Containers on the default network whose names people have chosen. */
  #onDefault: readonly Container[] = [];

  /** `directory` exists, and is this engine's alone. */
  constructor(directory: string, containers: ContainerRegistry, networks: NetworkRegistry) {
    this.#directory = directory;
    this.#containers = containers;
    this.#networks = networks;
  }

  /** The networks of a container whose names it has a resolver for, in the order of its endpoints. */
  networksOf(container: Container): NetworkRecord[] {
    return this.#all(container).filter((network) => !isDefault(network));
  }

  /** The default network, where that is the only one with names that the container is on, and somebody else there has one. */
  behindServers(container: Container): NetworkRecord | undefined {
    if (!this.#onDefault.some((each) => each !== container)) return undefined;
    const networks = this.#all(container);
    return networks.every(isDefault) ? networks[0] : undefined;
  }

  #all({ record }: Container): NetworkRecord[] {
    return record.endpoints.flatMap(({ networkId }) => {
      const network = this.#networks.find(networkId);
      return network !== undefined && hasNames(network) ? [network] : [];
    });
  }

  /** The file of a network. There is none while nobody has a name there. */
  path({ id }: NetworkRecord): string {
    return join(this.#directory, id);
  }

  /** Endpoints or names on these networks have changed. What asks from now on gets the new ones. */
  publish(networkIds: Iterable<string>): void {
    for (const id of new Set(networkIds)) {
      const network = this.#networks.find(id);
      const members = network === undefined || !hasNames(network) ? [] : this.#membersOf(network);
      if (network !== undefined && isDefault(network)) this.#onDefault = members;
      const owners = network === undefined ? [] : members.flatMap((container) => ownersOf(container, network));
      if (network === undefined || owners.length === 0) rmSync(join(this.#directory, id), { force: true });
      else this.#write(this.path(network), encodeNameTable(network.name, owners));
    }
  }

  /** The same, where it is about one container: on the default network only a name that somebody has chosen is one. */
  publishOf({ record }: Container, networkIds: readonly string[]): void {
    this.publish(networkIds.filter((id) => {
      const network = this.#networks.find(id);
      return record.isNamed === true || network === undefined || !isDefault(network);
    }));
  }

  /** After a start of the daemon: whatever has changed without one. */
  publishAll(): void {
    for (const stale of readdirSync(this.#directory)) if (this.#networks.find(stale)?.id !== stale) rmSync(join(this.#directory, stale));
    this.publish(this.#networks.all().map(({ id }) => id));
  }

  /** Who has a name there. */
  #membersOf(network: NetworkRecord): Container[] {
    return this.#containers.all().filter(({ record }) =>
      (!isDefault(network) || record.isNamed === true) && record.endpoints.some(({ networkId }) => networkId === network.id));
  }

  /** A table is never changed in place: a shim may be reading it. */
  #write(path: string, table: Buffer): void {
    writeFileSync(`${path}.new`, table, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

function ownersOf(container: Container, network: NetworkRecord): NameOwner[] {
  const { record } = container;
  const names = isDefault(network) ? [record.name] : dnsNames(container, settingsOf(record.networks, network) ?? {});
  return record.endpoints.filter(({ networkId }) => networkId === network.id)
    .map(({ ipv4, ipv6 }) => ({ names, addresses: [ipv4, ipv6].flatMap((each) => each?.address ?? []) }));
}
