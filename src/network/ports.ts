/**
 * Published ports: which port of the host a container gets, who else has it, and what the plan does about it. Docker's rules and words
 * (moby libnetwork/portallocator, daemon/libnetwork/drivers/bridge/port_mapping_linux.go).
 */
import { systemError, type CaissonError } from '../errors.ts';
import { errnoText } from '../linux/errno.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import { addressBytes } from './address-bytes.ts';
import { type FilteredPort, protocolNumbers, type Protocol } from './filter/elements.ts';

/** One entry of `PortBindings`. */
export interface PortRequest {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** Empty: the target's default addresses. */
  readonly hostIp: string;
  /** The first of them that is free; undefined: any of the kernel's local port range. */
  readonly hostPorts: PortRange | undefined;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A port of the host that leads to one of a container. What the container's record keeps while it runs. */
export interface PortBinding {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** `0.0.0.0` and `::` are all addresses of a family. */
  readonly hostIp: string;
  /** 0: none leads there, the container is reached by its own address alone. */
  readonly hostPort: number;
  /** The packet filter lets through what comes for the container's own address. */
  readonly isReached?: boolean;
  /** The endpoint that it leads to, and its address there; an IPv4 address behind an IPv6 one where the endpoint has no other. */
  readonly endpointId: string;
  readonly address: string;
  /** The shim's relay copies what comes, all of it; else the packet filter leads it there. */
  readonly relayed: boolean;
}

/** The endpoint that ports are to lead to. */
export interface PortTarget {
  readonly containerName: string;
  readonly endpointId: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** The families of the host's addresses that this endpoint answers for: it has the default route, or no other has. */
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** Where ports are published that name no address; `0.0.0.0` is all addresses of both families. */
  readonly defaultHostIp: string;
  /** No port of the host leads to its address of a family: the container is reached by that itself. */
  readonly routed: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** By way of some interfaces it is reached by its address in any case. */
  readonly hasTrusted: boolean;
}

/** What the allocator asks of the host. */
export interface PortHost {
  /** Tries to bind a socket; the number of the error when it cannot be. */
  readonly tryBind: (protocol: Protocol, address: Uint8Array, port: number) => number | undefined;
  /** Something can listen on an IPv6 address. */
  readonly ipv6: boolean;
  /** Ports are to be reached by way of the host's own input rules: by a socket, whatever the packet filter could do. */
  readonly relayAll: boolean;
  /** net.ipv4.ip_local_port_range. */
  readonly localPorts: PortRange;
}

const anyAddress = { 4: '0.0.0.0', 6: '::' } as const;
const isV6 = (address: string): boolean => address.includes(':');
const isAny = (address: string): boolean => address === anyAddress[4] || address === anyAddress[6];

/** Requests that differ only in the host's address: they get one port. */
interface PortGroup extends Omit<PortRequest, 'hostIp'> {
  readonly hostIps: readonly string[];
}

/** Which ports the engine's containers have. Nothing is kept on the disk: after a restart, `adopt` what running containers have. */
export class PortAllocator {
  readonly #host: PortHost;
  readonly #taken = new Map<string, Set<string>>();
  /** The next to be tried, by protocol and range: a port that was just given back is not given out at once. */
  readonly #next = new Map<string, number>();

  constructor(host: PortHost) {
    this.#host = host;
  }

  /**
   * A port for each request on the addresses that it means; none of them when one cannot be had, which throws in Docker's words. What
   * the target has no address for is left out: that may change when networks are connected. `held`: what the container's own shim has bound.
   */
  reserve(requests: readonly PortRequest[], target: PortTarget, held: readonly PortBinding[] = []): PortBinding[] {
    const reserved: PortBinding[] = [];
    try {
      for (const group of this.#groups(requests, target)) reserved.push(...this.#reserveGroup(group, target, held));
      return reserved;
    } catch (error) {
      this.release(reserved);
      throw error;
    }
  }

  /** Notes what a container has, without asking the host. */
  adopt(bindings: readonly PortBinding[]): void {
    for (const binding of bindings.filter(isHeld)) this.#addressesAt(binding).add(binding.hostIp);
  }

  release(bindings: readonly PortBinding[]): void {
    for (const binding of bindings.filter(isHeld)) {
      const addresses = this.#addressesAt(binding);
      addresses.delete(binding.hostIp);
      if (addresses.size === 0) this.#taken.delete(keyOf(binding));
    }
  }

  *#groups(requests: readonly PortRequest[], target: PortTarget): Generator<PortGroup> {
    const together = Map.groupBy(requests.toSorted(compareRequests), ({ protocol, containerPort, hostPorts }) =>
      `${containerPort}/${protocol} ${hostPorts?.first}-${hostPorts?.last}`);
    for (const group of together.values()) {
      const hostIps = group.flatMap(({ hostIp }) => this.#hostIps(hostIp, target));
      const [{ protocol, containerPort, hostPorts }] = group as [PortRequest, ...PortRequest[]];
      if (hostIps.length > 0) yield { protocol, containerPort, hostPorts, hostIps };
    }
  }

  /** IPv4 first. An IPv6 address leads to the endpoint's IPv4 address where it has no other (`relayed`). */
  #hostIps(asked: string, { ipv4, ipv6, families, defaultHostIp }: PortTarget): string[] {
    const both = asked === '' && defaultHostIp === anyAddress[4];
    const wanted = both ? [anyAddress[4], ...(this.#host.ipv6 ? [anyAddress[6]] : [])] : [asked === '' ? defaultHostIp : asked];
    const isReached = (address: string) => (isV6(address) ? families.ipv6 && (ipv6 ?? ipv4) !== undefined : families.ipv4 && ipv4 !== undefined);
    return wanted.filter(isReached);
  }

  #reserveGroup(group: PortGroup, target: PortTarget, held: readonly PortBinding[]): PortBinding[] {
    const [routed, others] = [true, false].map((wanted) => group.hostIps.filter((hostIp) => isRouted(hostIp, target) === wanted)) as [string[], string[]];
    const reached = routed.map((hostIp): PortBinding => ({
      protocol: group.protocol, containerPort: group.containerPort, hostIp: anyAddress[isV6(hostIp) ? 6 : 4], hostPort: 0, isReached: true,
      endpointId: target.endpointId, address: addressBehind(hostIp, target), relayed: false,
    }));
    return others.length === 0 ? reached : [...reached, ...this.#reserveHostPort({ ...group, hostIps: others }, target, held)].toSorted(byFamily);
  }

  #reserveHostPort(group: PortGroup, target: PortTarget, held: readonly PortBinding[]): PortBinding[] {
    const { protocol, containerPort, hostIps, hostPorts } = group;
    const isExact = hostPorts !== undefined && hostPorts.first === hostPorts.last;
    if (hostPorts?.first === 0) throw failure(`invalid port range: ${hostPorts.first}-${hostPorts.last}`, target);
    if (protocol === 'tcp' && overlap(hostIps)) throw failure(`failed to listen on TCP socket: ${errnoText(eaddrinuse)}`, target);
    let refusal: CaissonError | undefined;
    for (const hostPort of this.#candidates(group)) {
      const bindings = [...new Set(hostIps)].map((hostIp): PortBinding => {
        const address = addressBehind(hostIp, target);
        // nf_tables does not translate between families; the relay knows no SCTP.
        const relayed = isV6(hostIp) !== isV6(address) || (this.#host.relayAll && protocol !== 'sctp');
        return { protocol, containerPort, hostIp, hostPort, ...(target.hasTrusted && !relayed ? { isReached: true } : {}), endpointId: target.endpointId, address, relayed };
      });
      const holder = bindings.map((binding) => this.#holderOf(binding)).find((each) => each !== undefined);
      if (holder !== undefined) {
        if (isExact) throw failure(`Bind for ${holder}:${hostPort} failed: port is already allocated`, target);
        continue;
      }
      const refused = this.#bindRefusal(bindings.filter((each) => !held.some((other) => isSamePort(each, other))), target, isExact ? undefined : hostPorts);
      if (refused === undefined) {
        this.adopt(bindings);
        if (!isExact) this.#next.set(rangeKey(group), hostPort + 1);
        return bindings;
      }
      refusal ??= refused;
    }
    throw refusal ?? failure('all ports are allocated', target);
  }

  *#candidates(group: PortGroup): Generator<number> {
    const { first, last } = group.hostPorts ?? this.#host.localPorts;
    const start = this.#next.get(rangeKey(group)) ?? first;
    const count = last - first + 1;
    for (let index = 0; index < count; index++) yield first + ((start - first + index) % count);
  }

  #bindRefusal(bindings: readonly PortBinding[], target: PortTarget, range: PortRange | undefined): CaissonError | undefined {
    for (const binding of bindings) {
      const errno = this.#host.tryBind(binding.protocol, addressBytes(binding.hostIp), binding.hostPort);
      if (errno !== undefined) return bindFailure(binding, errno, target, range);
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

const isHeld = ({ hostPort }: PortBinding): boolean => hostPort !== 0;
const byFamily = (one: PortBinding, other: PortBinding): number => Number(isV6(one.hostIp)) - Number(isV6(other.hostIp));
/** Not where an IPv6 address leads to an IPv4 one. */
const isRouted = (hostIp: string, { ipv6, routed }: PortTarget): boolean => (isV6(hostIp) ? ipv6 !== undefined && routed.ipv6 : routed.ipv4);

const keyOf = ({ protocol, hostPort }: PortBinding): string => `${hostPort}/${protocol}`;
const rangeKey = ({ protocol, hostPorts }: PortGroup): string => `${hostPorts?.first}-${hostPorts?.last}/${protocol}`;
const eaddrinuse = 98;

const isSamePort = (one: PortBinding, other: PortBinding): boolean =>
  one.hostPort === other.hostPort && one.protocol === other.protocol && one.hostIp === other.hostIp;

/**
 * Single ports before ranges, which might take them; then by the container's port, the protocol, the host's ports. Those that differ only
 * in the host's address stand together.
 */
function compareRequests(one: PortRequest, other: PortRequest): number {
  const isRange = ({ hostPorts }: PortRequest) => Number(hostPorts === undefined || hostPorts.first !== hostPorts.last);
  return isRange(one) - isRange(other) || one.containerPort - other.containerPort
    || protocolNumbers[one.protocol] - protocolNumbers[other.protocol]
    || (one.hostPorts?.first ?? 0) - (other.hostPorts?.first ?? 0) || (one.hostPorts?.last ?? 0) - (other.hostPorts?.last ?? 0)
    || compareAddresses(one.hostIp, other.hostIp);
}

/** None, then IPv4, then IPv6 (Go's netip.Addr.Compare). */
function compareAddresses(one: string, other: string): number {
  const bytes = (address: string) => Buffer.from(address === '' ? [] : addressBytes(address));
  return bytes(one).length - bytes(other).length || Buffer.compare(bytes(one), bytes(other));
}

/** The same twice, or one that the other, all addresses of a family, contains. */
const overlap = (hostIps: readonly string[]): boolean =>
  hostIps.some((one, index) => hostIps.some((other, at) => at !== index && isV6(one) === isV6(other) && (one === other || isAny(one))));

const addressBehind = (hostIp: string, { ipv4, ipv6 }: PortTarget): string => (isV6(hostIp) ? (ipv6 ?? ipv4) : ipv4) ?? '';

const failure = (why: string, { containerName, endpointId }: Pick<PortTarget, 'containerName' | 'endpointId'>): CaissonError =>
  systemError(`driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): ${why}`, {
    operation: 'publish port', object: containerName,
  });

const joined = (address: string, port: number | string): string => (isV6(address) ? `[${address}]:${port}` : `${address}:${port}`);

/**
 * The error for a port that the host does not let a container have: `errno` of bind(2), the allocator's or the plan's `bindPort`. `range`:
 * what the port was chosen from.
 */
export function bindFailure(
  { protocol, hostIp, hostPort, containerPort, address, endpointId }: PortBinding, errno: number, { containerName }: { readonly containerName: string }, range?: PortRange,
): CaissonError {
  const asked = range === undefined ? hostPort : `${range.first}-${range.last}`;
  const which = `${range === undefined ? '' : `${hostPort} `}for ${joined(hostIp, asked)}:${joined(address, containerPort)}/${protocol}`;
  return failure(`failed to bind host port ${which}: ${errnoText(errno)}`, { containerName, endpointId });
}

/** Some connections to it have to be relayed: where it is not translated, and from `::1`, which no packet leaves the host with. */
const needsRelay = ({ protocol, relayed, hostIp }: PortBinding): boolean =>
  protocol !== 'sctp' && (relayed || hostIp === anyAddress[6] || hostIp === '::1');

/** Operations for the section `prepare` by which the shim holds the ports, one for each binding that holds one. */
export const bindOperations = (bindings: readonly PortBinding[]): Operation[] =>
  bindings.filter(isHeld).map((binding) => ({
    name: 'bindPort', reason: 'nobody else may have the published port', protocol: protocolNumbers[binding.protocol], address: addressBytes(binding.hostIp),
    port: binding.hostPort, ...(needsRelay(binding) ? { relayAddress: addressBytes(binding.address), relayPort: binding.containerPort } : { relayAddress: new Uint8Array(), relayPort: 0 }),
  }));

/** And those by which it gives them back before the container ends. */
export const releaseOperations = (bindings: readonly PortBinding[]): Operation[] =>
  bindings.filter(isHeld).map(({ protocol, hostIp, hostPort }) => ({
    name: 'releasePort', reason: 'another network is the way out now', protocol: protocolNumbers[protocol], address: addressBytes(hostIp), port: hostPort,
  }));

/** The binding that one of those operations is for. */
export const bindingOf = (bindings: readonly PortBinding[], operation: Extract<Operation, { name: 'bindPort' }>): PortBinding | undefined =>
  bindings.find(({ protocol, hostIp, hostPort }) =>
    hostPort === operation.port && protocolNumbers[protocol] === operation.protocol && Buffer.compare(addressBytes(hostIp), operation.address) === 0);

/** Bindings as the packet filter leads them to the container; those that have to be relayed are left out. */
export function filtered(bindings: readonly PortBinding[]): FilteredPort[] {
  const led = bindings.filter((binding) => isHeld(binding) && !binding.relayed).map(({ protocol, hostIp, hostPort, containerPort, address }) => ({
    protocol, hostPort, address: addressBytes(address), port: containerPort, ...(isAny(hostIp) ? {} : { hostAddress: addressBytes(hostIp) }),
  }));
  // Several ports of the host may lead to one.
  const reached = new Map(bindings.filter(({ isReached }) => isReached === true).map(({ protocol, containerPort: port, address }) =>
    [`${address} ${port}/${protocol}`, { protocol, address: addressBytes(address), port }]));
  return [...led, ...reached.values()];
}
