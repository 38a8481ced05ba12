/** A container's published ports: what was asked for, what it has while it runs, and how the API shows that. */
import { formatAddress, parseAddress } from '../../network/addresses/ip.ts';
import { parseBridgeOptions } from '../../network/bridge-options.ts';
import { protocolNumbers, type Protocol } from '../../network/filter/elements.ts';
import {
  bindFailure, bindingOf, bindOperations, type PortBinding, type PortRange, type PortRequest, type PortTarget, releaseOperations, filtered,
} from '../../network/ports.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import { LaunchError, type ReleaseOutcome } from '../../runtime/shim.ts';
import type { CaissonError } from '../../errors.ts';
import type { Container, ContainerRecord } from '../container.ts';
import type { ContainerRegistry } from '../container-registry.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import type { FilteredPorts } from './filter.ts';
import { type Gateways, gatewayEndpoint, gatewayEndpoints } from './gateway.ts';

interface ContainerPort {
  readonly port: number;
  readonly protocol: Protocol;
}

/** `80`, `80/tcp`, `53/UDP`; undefined for what is no port: clients other than the docker command may send anything. */
function parsePort(text: string): ContainerPort | undefined {
  const [, digits, name = 'tcp'] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  const [port, protocol] = [Number(digits), name.toLowerCase()];
  return port > 0 && port <= 65_535 && Object.hasOwn(protocolNumbers, protocol) ? { port, protocol: protocol as Protocol } : undefined;
}

/** `8080`, `8000-8010`; undefined for `0` and nothing: any. A protocol behind it is not looked at, as with Docker. */
function parseHostPorts(text: string): PortRange | undefined {
  const [first = 0, last = first] = (text.split('/', 1)[0] ?? '').split('-', 2).map(Number);
  return last === 0 ? undefined : { first, last };
}

/** As the kernel knows it: without zeros and letters that mean the same, an IPv4 address in an IPv6 one as what it is. */
function hostAddress(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return '';
  const isMapped = address.family === 6 && address.value >> 32n === 0xffffn;
  return formatAddress(isMapped ? { family: 4, value: address.value & 0xffff_ffffn } : address);
}

const exposedPorts = ({ config }: ContainerRecord): [key: string, port: ContainerPort][] =>
  Object.keys(config.ExposedPorts ?? {}).flatMap((key) => {
    const port = parsePort(key);
    return port === undefined ? [] : [[key, port]];
  });

/** A port is published when it is exposed as well, which the docker command sees to (Docker 28). */
export function portRequests(record: ContainerRecord): PortRequest[] {
  const { PortBindings, PublishAllPorts } = record.hostConfig;
  return exposedPorts(record).flatMap(([key, { port, protocol }]) => {
    const asked = PortBindings?.[key] ?? [];
    const bindings = asked.length === 0 && PublishAllPorts === true ? [{}] : asked;
    return bindings.map(({ HostIp = '', HostPort = '' }: { HostIp?: string; HostPort?: string }) => ({
      protocol, containerPort: port, hostIp: hostAddress(HostIp), hostPorts: parseHostPorts(HostPort),
    }));
  });
}

/**
 * Its ports on its present endpoints: those that its default routes go through answer for them. Throws in Docker's words, and then none is
 * reserved. `held`: what its shim has bound.
 */
export function reservePorts(context: EngineContext, container: Container, held: readonly PortBinding[] = []): PortBinding[] {
  const requests = portRequests(container.record);
  if (requests.length === 0) return [];
  const reserved: PortBinding[] = [];
  try {
    for (const target of portTargets(context, container)) reserved.push(...context.ports.reserve(requests, target, held));
    return reserved;
  } catch (error) {
    context.ports.release(reserved);
    throw error;
  }
}

function portTargets(context: EngineContext, container: Container): PortTarget[] {
  const gateways = gatewayEndpoints(context, container);
  return container.record.endpoints.flatMap((endpoint) => {
    // Without a way out for IPv6 the one for IPv4 answers for both.
    const families = { ipv4: endpoint === gateways.ipv4, ipv6: endpoint === (gateways.ipv6 ?? gateways.ipv4) };
    const network = context.networks.get(endpoint.networkId);
    if ((!families.ipv4 && !families.ipv6) || !context.endpointDrivers(network).publishesPorts) return [];
    const bindAddress = network.options['com.docker.network.bridge.host_binding_ipv4'] ?? '';
    const { gatewayModeIPv4, gatewayModeIPv6, trustedInterfaces } = parseBridgeOptions(network.options, network.internal);
    return [{
      containerName: container.record.name, endpointId: endpoint.id, ipv4: endpoint.ipv4?.address, ipv6: endpoint.ipv6?.address, families,
      defaultHostIp: hostAddress(bindAddress) || '0.0.0.0',
      routed: { ipv4: gatewayModeIPv4 === 'routed', ipv6: gatewayModeIPv6 === 'routed' }, hasTrusted: trustedInterfaces.length > 0,
    }];
  });
}

/** Runs what publishes the ports of the container, which the packet filter is not to take for somebody else's doing. */
export async function expectPublished<Result>({ networkFilter }: EngineContext, { record }: Container, action: () => Promise<Result>): Promise<Result> {
  if (filtered(record.ports).length === 0) return action();
  const settle = networkFilter.expectChange();
  try {
    const result = await action();
    settle(true);
    return result;
  } catch (error) {
    settle(undefined);
    throw error;
  }
}

/** The container has ended, and its shim has taken the ports back. */
export function expectUnpublished({ networkFilter }: EngineContext, { record }: Container, how: ReleaseOutcome): void {
  if (filtered(record.ports).length > 0) networkFilter.expectChange()(how === 'released' ? true : undefined);
}

/** A change of a container's ports while it runs. */
export interface PortChange {
  /** For its shim, in the host's namespaces. */
  readonly operations: readonly Operation[];
  /** Call one of them when the shim has answered. */
  done(): void;
  undo(): void;
}

/**
 * The container's networks have changed while it runs, and with them perhaps which of them is the way out: its ports follow. `before`: which
 * it was. Throws in Docker's words, and then nothing has changed.
 */
export function movePorts(context: EngineContext, container: Container, before: Gateways): PortChange {
  const { record } = container;
  const [now, old] = [gatewayEndpoints(context, container), record.ports];
  if (now.ipv4 === before.ipv4 && now.ipv6 === before.ipv6) return { operations: [], done: () => undefined, undo: () => undefined };
  context.ports.release(old);
  try {
    record.ports = reservePorts(context, container, old);
  } catch (error) {
    context.ports.adopt(old);
    throw error;
  }
  const { networkFilter } = context;
  const [taken, led] = [filtered(old), filtered(record.ports)];
  const operations = [...networkFilter.unpublish(taken), ...releaseOperations(old), ...bindOperations(record.ports), ...networkFilter.publish(led)];
  // Whether the kernel had what was taken back is not told.
  const settle = operations.length === 0 ? [] : [networkFilter.expectChange(), networkFilter.expectChange()];
  const done = () => settle.forEach((each) => each(undefined));
  return {
    operations, done,
    undo() {
      context.ports.release(record.ports);
      context.ports.adopt(old);
      record.ports = old;
      done();
    },
  };
}

/** The ports of all containers, as the packet filter has to have them. */
export function filteredPorts(registry: ContainerRegistry): FilteredPorts {
  const [alive, others] = [true, false].map((wanted) => registry.all().filter(({ state }) => isAlive(state) === wanted));
  const portsOf = (containers: readonly Container[] = []) => containers.flatMap(({ record }) => filtered(record.ports));
  return { ports: portsOf(alive), unsettled: portsOf(others) };
}

/** What a shim could not do because somebody has taken a port in the meantime; undefined for any other failure. */
export function portFailure({ record }: Pick<Container, 'record'>, error: unknown): CaissonError | undefined {
  if (!(error instanceof LaunchError) || error.operation?.name !== 'bindPort') return undefined;
  const { operation, failure } = error;
  const binding = bindingOf(record.ports, operation);
  if (binding === undefined) return undefined;
  return bindFailure(binding, failure.errno, { containerName: record.name });
}

/** `NetworkSettings.Ports` of inspect: what is exposed, and what of it is published. Empty unless it runs on a network with a way out that takes them. */
export function shownPorts(context: EngineContext, container: Container): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const { record } = container;
  const hasWayOut = (['ipv4', 'ipv6'] as const).some((family) => {
    const endpoint = gatewayEndpoint(context, container, family);
    return endpoint !== undefined && context.endpointDrivers(context.networks.get(endpoint.networkId)).publishesPorts;
  });
  if (!isAlive(record.state) || !hasWayOut) return {};
  const bindings = Map.groupBy(record.ports, ({ containerPort, protocol }) => `${containerPort}/${protocol}`);
  const keys = new Set([...exposedPorts(record).map(([, { port, protocol }]) => `${port}/${protocol}`), ...bindings.keys()]);
  return Object.fromEntries([...keys].toSorted().map((key) =>
    [key, bindings.get(key)?.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort) })) ?? null]));
}

/** `Ports` of `GET /containers/json`. */
export function listedPorts(context: EngineContext, container: Container): object[] {
  return Object.entries(shownPorts(context, container)).flatMap(([key, bindings]) => {
    const { port, protocol } = parsePort(key) as ContainerPort;
    if (bindings === null) return [{ PrivatePort: port, Type: protocol }];
    return bindings.map(({ HostIp, HostPort }) => ({ IP: HostIp, PrivatePort: port, ...(HostPort === '' ? {} : { PublicPort: Number(HostPort) }), Type: protocol }));
  });
}
