/**
 * Published ports: which port of the host a container gets, who else has it, and what the plan does about it. Docker's rules and words
 * (moby libnetwork/portallocator, daemon/libnetwork/drivers/bridge/port_mapping_linux.go).
 */
import { systemError, type CaissonError } from '../errors.ts';
import { errnoText } from '../linux/errno.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import { addressBytes } from './address-bytes.ts';
import { protocolNumbers, type Protocol, type PublishedPort } from './filter/elements.ts';

/** One entry of `PortBindings`. */
export interface PortRequest {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** Empty: all addresses of the host, of both families. */
  readonly hostIp: string;
  /** The first of them that is free; undefined: any of the kernel's local port range. */
  readonly hostPorts: PortRange | undefined;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A port of the host that a container has. */
export interface PortBinding {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** `0.0.0.0` and `::` are all addresses of a family. */
  readonly hostIp: string;
  readonly hostPort: number;
}

/** Whose ports they are to be, for what is said when that is not possible. */
export interface PortOwner {
  readonly containerName: string;
  readonly endpointId: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

/** What the allocator asks of the host. */
export interface PortHost {
  /** Tries to bind a socket; the number of the error when it cannot be. */
  readonly tryBind: (protocol: Protocol, address: Uint8Array, port: number) => number | undefined;
  /** The kernel has IPv6 at all. */
  readonly ipv6: boolean;
  /** net.ipv4.ip_local_port_range. */
  readonly localPorts: PortRange;
}

const anyAddress = { 4: '0.0.0.0', 6: '::' } as const;
const isV6 = (address: string): boolean => address.includes(':');

/** Which ports the engine's containers have. Nothing is kept on the disk: after a restart, `adopt` what running containers have. */
export class PortAllocator {
  readonly #host: PortHost;
  readonly #taken = new Map<string, Set<string>>();
  /** The next to be tried, by protocol: a port that was just given back is not given out at once. */
  readonly #next = new Map<Protocol, number>();

  constructor(host: PortHost) {
    this.#host = host;
  }

  /** A port for each request, on each of its addresses the same; none of them when one cannot be had, which throws in Docker's words. */
  reserve(requests: readonly PortRequest[], owner: PortOwner): PortBinding[] {
    const reserved: PortBinding[] = [];
    try {
      for (const request of requests) reserved.push(...this.#reserveOne(request, owner));
      return reserved;
    } catch (error) {
      this.release(reserved);
      throw error;
    }
  }

  /** Notes what a container has, without asking the host. */
  adopt(bindings: readonly PortBinding[]): void {
    for (const binding of bindings) this.#addressesAt(binding).add(binding.hostIp);
  }

  release(bindings: readonly PortBinding[]): void {
    for (const binding of bindings) {
      const addresses = this.#addressesAt(binding);
      addresses.delete(binding.hostIp);
      if (addresses.size === 0) this.#taken.delete(keyOf(binding));
    }
  }

  #reserveOne(request: PortRequest, owner: PortOwner): PortBinding[] {
    const { protocol, containerPort, hostIp, hostPorts } = request;
    const addresses = hostIp === '' ? [anyAddress[4], ...(this.#host.ipv6 ? [anyAddress[6]] : [])] : [hostIp];
    let refusal: CaissonError | undefined;
    for (const hostPort of this.#candidates(request)) {
      const bindings = addresses.map((address) => ({ protocol, containerPort, hostIp: address, hostPort }));
      const holder = bindings.map((binding) => this.#holderOf(binding)).find((each) => each !== undefined);
      if (holder !== undefined) {
        if (hostPorts !== undefined && hostPorts.first === hostPorts.last) refusal ??= failure(`Bind for ${holder}:${hostPort} failed: port is already allocated`, owner);
        continue;
      }
      const refused = this.#bindRefusal(bindings, owner);
      if (refused === undefined) {
        this.adopt(bindings);
        if (hostPorts === undefined) this.#next.set(protocol, hostPort + 1);
        return bindings;
      }
      refusal = refused;
    }
    throw refusal ?? failure('all ports are allocated', owner);
  }

  *#candidates({ protocol, hostPorts }: PortRequest): Generator<number> {
    const { first, last } = hostPorts ?? this.#host.localPorts;
    const start = hostPorts === undefined ? (this.#next.get(protocol) ?? first) : first;
    const count = last - first + 1;
    for (let index = 0; index < count; index++) yield first + ((start - first + index) % count);
  }

  #bindRefusal(bindings: readonly PortBinding[], owner: PortOwner): CaissonError | undefined {
    for (const binding of bindings) {
      const errno = this.#host.tryBind(binding.protocol, addressBytes(binding.hostIp), binding.hostPort);
      if (errno !== undefined) return bindFailure(binding, errno, owner);
    }
    return undefined;
  }

  /** The address on which a container has the port already; all addresses of a family are each of them. */
  #holderOf(binding: PortBinding): string | undefined {
    const any = anyAddress[isV6(binding.hostIp) ? 6 : 4];
    const others = [...(this.#taken.get(keyOf(binding)) ?? [])].filter((address) => isV6(address) === isV6(binding.hostIp));
    return others.find((address) => address === binding.hostIp || address === any || binding.hostIp === any);
  }

  #addressesAt(binding: PortBinding): Set<string> {
    const key = keyOf(binding);
    const addresses = this.#taken.get(key) ?? new Set();
    this.#taken.set(key, addresses);
    return addresses;
  }
}

const keyOf = ({ protocol, hostPort }: PortBinding): string => `${hostPort}/${protocol}`;

const failure = (why: string, { containerName, endpointId }: PortOwner): CaissonError =>
  systemError(`driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): ${why}`, {
    operation: 'publish port', object: containerName,
  });

const joined = (address: string, port: number): string => (isV6(address) ? `[${address}]:${port}` : `${address}:${port}`);

/** The error for a port that the host does not let a container have: `errno` of bind(2), the allocator's or the plan's `bindPort`. */
export function bindFailure({ protocol, hostIp, hostPort, containerPort }: PortBinding, errno: number, owner: PortOwner): CaissonError {
  const address = (isV6(hostIp) ? (owner.ipv6 ?? owner.ipv4) : owner.ipv4) ?? '';
  return failure(`failed to bind host port for ${joined(hostIp, hostPort)}:${joined(address, containerPort)}/${protocol}: ${errnoText(errno)}`, owner);
}

/** Operations for the section `prepare` by which the shim holds the ports, one for each of `bindings`, in their order. */
export const bindOperations = (bindings: readonly PortBinding[]): Operation[] =>
  bindings.map(({ protocol, hostIp, hostPort }) => ({
    name: 'bindPort', reason: 'nobody else may have the published port', protocol: protocolNumbers[protocol], address: addressBytes(hostIp), port: hostPort,
  }));

/**
 * Bindings as the packet filter leads them to the container. One whose family the container has no address of is left out: there is no
 * translation from one family to the other.
 */
export function translated(bindings: readonly PortBinding[], { ipv4, ipv6 }: Pick<PortOwner, 'ipv4' | 'ipv6'>): PublishedPort[] {
  return bindings.flatMap(({ protocol, hostIp, hostPort, containerPort }) => {
    const address = isV6(hostIp) ? ipv6 : ipv4;
    if (address === undefined) return [];
    const isAny = hostIp === anyAddress[4] || hostIp === anyAddress[6];
    return [{ protocol, hostPort, address: addressBytes(address), port: containerPort, ...(isAny ? {} : { hostAddress: addressBytes(hostIp) }) }];
  });
}
