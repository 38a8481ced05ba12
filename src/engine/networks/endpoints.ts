/** A container's endpoints, from its start to its end. */
import { randomBytes } from 'node:crypto';
import { CaissonError } from '../../errors.ts';
import { parseBridgeOptions } from '../../network/bridge-options.ts';
import type { EndpointPlace } from '../../network/endpoint-driver.ts';
import { askedInterface, checkInterfaceName, interfaceSysctls } from '../../network/endpoint-options.ts';
import type { Endpoint, NetworkRecord } from '../../network/network.ts';
import { bindOperations, filtered } from '../../network/ports.ts';
import type { NetworkOperations } from '../../runtime/compile.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import type { EndpointSettings } from '../docker-types.ts';
import type { NamedEndpoint } from '../network-shape.ts';
import { gatewayEndpoints } from './gateway.ts';
import { nameService } from './name-service.ts';
import { dnsNames, settingsOf } from './names.ts';
import { portRequests, reservePorts } from './ports.ts';

/** Gives the container an endpoint on each of its networks. Throws in Docker's words, and then it has none. */
export function attachEndpoints(context: EngineContext, container: Container): void {
  const { record } = container;
  const attached: Endpoint[] = [];
  try {
    if (Object.keys(record.networks).length > 0) context.networkFilter.ensure();
    // Whoever asks for a name has it, whatever comes before.
    const spokenFor = Object.values(record.networks).map(({ DriverOpts }) => askedInterface(DriverOpts));
    for (const [name, settings] of Object.entries(record.networks)) {
      const network = context.networks.find(name) ?? context.networks.get(settings.NetworkID ?? name);
      attached.push(newEndpoint(context, container, network, settings, { attached, spokenFor }));
    }
    record.endpoints = attached;
    noteNetworks(context, container);
    record.ports = reservePorts(context, container);
  } catch (error) {
    for (const endpoint of attached) context.networks.release(endpoint);
    record.endpoints = [];
    throw failedSetUp(error);
  }
  publishNames(context, container, attached);
}

/** What inspect shows of a network when the container has ended, and when the network has gone. */
export function noteNetworks(context: EngineContext, container: Container): void {
  const { record } = container;
  record.networks = Object.fromEntries(Object.entries(record.networks).map(([name, settings]) => {
    const network = context.networks.find(name);
    const isOn = record.endpoints.some(({ networkId }) => networkId === network?.id);
    return [name, network === undefined || !isOn ? settings : { ...settings, NetworkID: network.id, DNSNames: dnsNames(container, settings) }];
  }));
}

/** Docker says that it was the network which failed, and keeps the class. */
export function failedSetUp(error: unknown): unknown {
  if (!(error instanceof CaissonError)) return error;
  return new CaissonError(error.class, `failed to set up container networking: ${error.message}`, { cause: error });
}

/** What else the container is on, and names of interfaces that others of its networks are to have. */
interface OtherEndpoints {
  readonly attached: readonly Endpoint[];
  readonly spokenFor?: readonly string[];
}

export function newEndpoint(
  context: EngineContext, container: Container, network: NetworkRecord, settings: EndpointSettings, { attached, spokenFor = [] }: OtherEndpoints,
): Endpoint {
  const { networks, endpointDrivers } = context;
  const driver = endpointDrivers(network);
  const { IPv4Address, IPv6Address } = settings.IPAMConfig ?? {};
  const { mac: chosen, ...addresses } = networks.allocate(network, {
    containerId: container.id, ...(IPv4Address ? { ipv4: IPv4Address } : {}), ...(IPv6Address ? { ipv6: IPv6Address } : {}),
  });
  const taken = attached.map(({ interfaceName: each }) => each);
  const interfaceName = askedInterface(settings.DriverOpts) || freeName(network, new Set([...taken, ...spokenFor]));
  const known = { id: randomBytes(32).toString('hex'), networkId: network.id, containerId: container.id, ...addresses, interfaceName };
  try {
    const prepared = driver.prepare(network, { asked: settings.MacAddress || undefined, chosen });
    const shown = prepared.hostInterface || interfaceName;
    checkInterfaceName(interfaceName, shown, new Set(taken));
    interfaceSysctls(settings.DriverOpts, interfaceName, shown);
    return { ...known, ...prepared };
  } catch (error) {
    networks.release({ ...known, mac: chosen, hostInterface: '' });
    throw error;
  }
}

/** The lowest `ethN` that is free, or whatever interfaces are called on this network. */
function freeName({ driver, options, internal }: NetworkRecord, taken: ReadonlySet<string>): string {
  const prefix = driver === 'bridge' ? parseBridgeOptions(options, internal).interfacePrefix : 'eth';
  let index = 0;
  while (taken.has(`${prefix}${index}`)) index++;
  return `${prefix}${index}`;
}

/** The endpoints that running containers have on a network. */
export function endpointsOn({ registry }: EngineContext, networkId: string): NamedEndpoint[] {
  return registry.all().flatMap(({ record }) => record.endpoints
    .filter((endpoint) => endpoint.networkId === networkId).map((endpoint) => ({ containerName: record.name, endpoint })));
}

/** The names on the networks of these endpoints have changed. */
export const publishNames = ({ names }: EngineContext, container: Container, endpoints: readonly Endpoint[]): void =>
  names.publishOf(container, endpoints.map(({ networkId }) => networkId));

/** Gives addresses and ports back. */
export function detachEndpoints(context: EngineContext, container: Container): void {
  const { record } = container;
  const { endpoints } = record;
  for (const endpoint of endpoints) context.networks.release(endpoint);
  context.ports.release(record.ports);
  record.endpoints = [];
  record.ports = [];
  try {
    publishNames(context, container, endpoints);
  } catch (error) {
    // The container is gone all the same: its names stay until the next change.
    context.logger.warn('cannot take the names of a container back', { container: container.id, error });
  }
  watchNetworks(context);
}

/** The packet filter is looked after while containers are on networks. */
export function watchNetworks({ registry, networkFilter }: EngineContext): void {
  networkFilter.watch(registry.all().some(({ record }) => record.endpoints.length > 0));
}

/** The networks whose `connect` and `disconnect` a container's start and end are: those it has endpoints on, or its mode's. */
export function joinedNetworks({ networks }: EngineContext, { record }: Container): NetworkRecord[] {
  const mode = networks.find(record.hostConfig.NetworkMode ?? '');
  if (record.endpoints.length === 0) return mode === undefined || mode.driver === 'bridge' ? [] : [mode];
  return record.endpoints.map(({ networkId }) => networks.get(networkId));
}

export function publishNetworkEvent({ events }: EngineContext, action: 'connect' | 'disconnect', { id }: Container, network: NetworkRecord): void {
  events.publish('network', action, network.id, { container: id, name: network.name, type: network.driver });
}

/** What a plan has to do for them; undefined for none. */
export function networkOperations(context: EngineContext, container: Container): NetworkOperations | undefined {
  const { endpoints, ports } = container.record;
  if (endpoints.length === 0) return undefined;
  const led = filtered(ports);
  const gateways = gatewayEndpoints(context, container);
  const each = endpoints.map((endpoint) => endpointOperations(context, container, endpoint, {
    isDefault: { ipv4: gateways.ipv4 === endpoint, ipv6: gateways.ipv6 === endpoint }, namespacePid: 'child',
  }));
  const all = (section: keyof NetworkOperations) => each.flatMap((operations) => operations[section]);
  return {
    prepare: [...all('prepare'), ...bindOperations(ports), ...context.networkFilter.publish(led)],
    host: [...all('host'), ...nameService(context, container)],
    init: all('init'),
    release: [...context.networkFilter.unpublish(led), ...all('release')],
    afterwards: all('afterwards'),
  };
}

/** What makes one of them, and takes it away. */
export function endpointOperations(
  { networks, endpointDrivers, host }: EngineContext, { record }: Container, endpoint: Endpoint, place: Pick<EndpointPlace, 'isDefault' | 'namespacePid'>,
): NetworkOperations {
  const network = networks.get(endpoint.networkId);
  const { DriverOpts, IPAMConfig } = settingsOf(record.networks, network) ?? {};
  const sysctls = interfaceSysctls(DriverOpts, endpoint.interfaceName, endpoint.hostInterface);
  return endpointDrivers(network).operations(endpoint, network, {
    ...place, publishes: portRequests(record).length > 0, rate: record.hostConfig.NetworkRate ?? 0, linkLocal: IPAMConfig?.LinkLocalIPs ?? [], sysctls, ipv6: host.ipv6,
  });
}
