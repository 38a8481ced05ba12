/** Who has which address on which network. Kept in memory: endpoints that outlive the daemon are noted again when it starts. */
import { invalidParameter, systemError } from '../../errors.ts';
import type { AddressRequest, Endpoint, EndpointAddress, NetworkPool, NetworkRecord } from '../network.ts';
import type { AddressPool } from './address-pool.ts';
import { contains, type Family, formatAddress, parseAddress } from './ip.ts';
import { macFor } from './mac.ts';
import { poolOf } from './network-pool.ts';

interface OpenPool {
  readonly config: NetworkPool;
  readonly addresses: AddressPool;
}

export class AddressBook {
  readonly #networks = new Map<string, readonly OpenPool[]>();

  open(network: NetworkRecord): void {
    this.#networks.set(network.id, network.pools.map((config) => ({ config, addresses: poolOf(config) })));
  }

  close({ id }: NetworkRecord): void {
    this.#networks.delete(id);
  }

  /** An address of each family that the network has. Throws in Docker's words, and then none is taken. */
  allocate(network: NetworkRecord, { containerId, ipv4, ipv6 }: AddressRequest): Pick<Endpoint, 'mac' | 'ipv4' | 'ipv6'> {
    const first = network.enableIPv4 ? this.#take(network, 4, ipv4, containerId) : null;
    try {
      const second = network.enableIPv6 ? this.#take(network, 6, ipv6, containerId) : null;
      return { mac: macFor(first, second), ipv4: first, ipv6: second };
    } catch (error) {
      if (first !== null) this.#release(network.id, first.address, containerId);
      throw error;
    }
  }

  reserve({ networkId, containerId, ipv4, ipv6 }: Endpoint): void {
    for (const address of [ipv4, ipv6]) {
      if (address === null) continue;
      const parsed = parseAddress(address.address);
      if (parsed === undefined) continue;
      this.#pools(networkId).find(({ addresses }) => contains(addresses.subnet, parsed))?.addresses.mark(parsed, containerId);
    }
  }

  /** What is not taken by this container stays as it is. */
  release({ networkId, containerId, ipv4, ipv6 }: Endpoint): void {
    for (const address of [ipv4, ipv6]) if (address !== null) this.#release(networkId, address.address, containerId);
  }

  #take(network: NetworkRecord, family: Family, asked: string | undefined, owner: string): EndpointAddress | null {
    const pools = this.#pools(network.id).filter(({ addresses }) => addresses.subnet.address.family === family);
    const taken = asked === undefined ? takeAny(pools, owner) : takeThis(pools, asked, owner);
    if (taken === undefined) {
      throw systemError(`no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`, { object: network.name });
    }
    const { pool, address } = taken;
    return { address, prefixLength: pool.addresses.subnet.length, gateway: network.internal ? '' : pool.config.gateway };
  }

  #release(networkId: string, text: string, owner: string): void {
    const address = parseAddress(text);
    if (address === undefined) return;
    this.#pools(networkId).find(({ addresses }) => contains(addresses.subnet, address))?.addresses.release(address, owner);
  }

  #pools(networkId: string): readonly OpenPool[] {
    return this.#networks.get(networkId) ?? [];
  }
}

interface Taken {
  readonly pool: OpenPool;
  readonly address: string;
}

function takeAny(pools: readonly OpenPool[], owner: string): Taken | undefined {
  for (const pool of pools) {
    const address = pool.addresses.take(owner);
    if (address !== undefined) return { pool, address: formatAddress(address) };
  }
  return undefined;
}

function takeThis(pools: readonly OpenPool[], text: string, owner: string): Taken {
  const address = parseAddress(text);
  const pool = address === undefined ? undefined : pools.find(({ addresses }) => contains(addresses.subnet, address));
  if (address === undefined || pool === undefined) throw invalidParameter(`no configured subnet or ip-range contain the IP address ${text}`);
  pool.addresses.takeThis(address, owner);
  return { pool, address: formatAddress(address) };
}
