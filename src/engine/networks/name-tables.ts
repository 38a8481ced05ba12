/** Files with the names on each network, which the name services of its containers read; rewritten when a name or an endpoint changes. */
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeNameTable, type NameOwner } from '../../network/dns/table.ts';
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';
import type { Container } from '../container.ts';
import type { ContainerRegistry } from '../container-registry.ts';
import { dnsNames, settingsOf } from './names.ts';

/** The default network has no name service; nor have those that are not of containers. */
const hasNames = ({ name, driver }: NetworkRecord): boolean => driver !== 'host' && driver !== 'null' && name !== 'bridge';

export class NameTables {
  readonly #directory: string;
  readonly #containers: ContainerRegistry;
  readonly #networks: NetworkRegistry;

  /** `directory` exists, and is this engine's alone. */
  constructor(directory: string, containers: ContainerRegistry, networks: NetworkRegistry) {
    this.#directory = directory;
    this.#containers = containers;
    this.#networks = networks;
  }

  /** The networks of a container that have names, in the order of its endpoints. */
  networksOf({ record }: Container): NetworkRecord[] {
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
      const owners = network === undefined || !hasNames(network) ? [] : this.#ownersOn(network);
      if (network === undefined || owners.length === 0) rmSync(join(this.#directory, id), { force: true });
      else this.#write(this.path(network), encodeNameTable(network.name, owners));
    }
  }

  /** After a start of the daemon: whatever has changed without one. */
  publishAll(): void {
    for (const stale of readdirSync(this.#directory)) if (this.#networks.find(stale)?.id !== stale) rmSync(join(this.#directory, stale));
    this.publish(this.#networks.all().map(({ id }) => id));
  }

  #ownersOn(network: NetworkRecord): NameOwner[] {
    return this.#containers.all().flatMap((container) => container.record.endpoints.filter(({ networkId }) => networkId === network.id).map(({ ipv4, ipv6 }) => ({
      names: dnsNames(container, settingsOf(container.record.networks, network) ?? {}),
      addresses: [ipv4, ipv6].flatMap((each) => each?.address ?? []),
    })));
  }

  /** A table is never changed in place: a shim may be reading it. */
  #write(path: string, table: Buffer): void {
    writeFileSync(`${path}.new`, table, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}
