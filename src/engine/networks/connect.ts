/** `docker network connect` and `disconnect`: a container's interfaces change, while it runs or before it does. */
import { CaissonError, forbidden, invalidParameter, systemError } from '../../errors.ts';
import { defaultRoute, netlinkOperation } from '../../network/endpoint-interface.ts';
import type { Endpoint, NetworkRecord } from '../../network/network.ts';
import { deleteLink } from '../../linux/netlink/route.ts';
import type { NetworkOperations } from '../../runtime/compile.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import { LaunchError, type Shim } from '../../runtime/shim.ts';
import type { Container } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import type { EndpointSettings } from '../docker-types.ts';
import { currentRelease } from '../launch-request.ts';
import { addToNetworkFiles, removeFromNetworkFiles } from '../network-files.ts';
import { parseMode } from '../spec/modes.ts';
import { endpointOperations, newEndpoint, noteNetworks, publishNames, publishNetworkEvent } from './endpoints.ts';
import { gatewayEndpoint, gatewayEndpoints } from './gateway.ts';
import { inNetworkOf, knownService, leadQueries, nameService } from './name-service.ts';
import { checkEndpoint } from './requested.ts';
import { interfaceFailure } from './interface-failure.ts';
import { movePorts, type PortChange, portFailure } from './ports.ts';
import { dnsNames, settingsOf } from './names.ts';

/** Call inside `container.exclusively`. */
export async function connectContainer(context: EngineContext, container: Container, network: NetworkRecord, settings: EndpointSettings): Promise<void> {
  const { record } = container;
  checkMode(container, network);
  checkEndpoint(network, settings);
  if (settingsOf(record.networks, network) !== undefined) {
    throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`, { object: record.id });
  }
  const before = record.networks;
  const { NetworkID: _stale, ...asked } = settings;
  record.networks = { ...before, [network.name]: { ...asked, DNSNames: dnsNames(container, asked) } };
  try {
    if (isAlive(record.state)) await plugIn(context, container, network, settings);
    noteNetworks(context, container);
  } catch (error) {
    record.networks = before;
    context.registry.saveIfPossible(container);
    throw error;
  }
  context.registry.save(container);
  publishNetworkEvent(context, 'connect', container, network);
}

/** Call inside `container.exclusively`. */
export async function disconnectContainer(context: EngineContext, container: Container, network: NetworkRecord): Promise<void> {
  const { record } = container;
  const { kind } = parseMode(record.hostConfig.NetworkMode);
  if (kind === 'host' && network.driver === 'host') {
    throw invalidParameter('cannot disconnect container from host network - container was created in host network mode');
  }
  if (settingsOf(record.networks, network) === undefined) {
    throw systemError(`container ${record.id} is not connected to network ${network.name}`, { object: record.id });
  }
  const endpoint = record.endpoints.find(({ networkId }) => networkId === network.id);
  if (isAlive(record.state) && endpoint !== undefined) await pullOut(context, container, endpoint);
  record.networks = Object.fromEntries(Object.entries(record.networks).filter(([name]) => name !== network.name && !network.id.startsWith(name)));
  context.registry.save(container);
  publishNetworkEvent(context, 'disconnect', container, network);
}

function checkMode({ record }: Container, network: NetworkRecord): void {
  const { kind } = parseMode(record.hostConfig.NetworkMode);
  if (kind === 'container' || kind === 'host') {
    throw invalidParameter('container sharing network namespace with another container or host cannot be connected to any other network');
  }
  if (network.driver === 'host') throw invalidParameter('cannot connect container to host network - container must be created in host network mode');
  if (kind === 'none' || network.driver === 'null') {
    throw invalidParameter('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
}

async function plugIn(context: EngineContext, container: Container, network: NetworkRecord, settings: EndpointSettings): Promise<void> {
  const { record, shim } = container;
  if (shim === undefined) throw systemError('the container has no process to connect', { object: record.id });
  context.networkFilter.ensure();
  const before = gatewayEndpoints(context, container);
  const endpoint = newEndpoint(context, container, network, settings, { attached: record.endpoints });
  let ports: PortChange | undefined;
  let cable: NetworkOperations | undefined;
  try {
    record.endpoints = [...record.endpoints, endpoint];
    // The ports are those of before until the shim has moved them: so they lead to a network that is there, whenever the daemon ends.
    context.registry.saveIfPossible(container);
    const gateways = gatewayEndpoints(context, container);
    const isDefault = { ipv4: gateways.ipv4 === endpoint, ipv6: gateways.ipv6 === endpoint };
    ports = movePorts(context, container, before);
    cable = endpointOperations(context, container, endpoint, { isDefault, namespacePid: shim.pid });
    publishNames(context, container, [endpoint]);
    const names = nameService(context, container);
    await shim.operate([...cable.host, ...ports.operations, inNetworkOf(shim.pid), ...cable.init, ...names], currentRelease(context, container));
    container.hasNameService ||= names.length > 0;
    ports.done();
  } catch (failure) {
    const error = portFailure(container, failure) ?? interfaceFailure(context, container, failure) ?? failure;
    ports?.undo();
    if (cable !== undefined) await takeBack(shim, cable, endpoint, failure);
    record.endpoints = record.endpoints.filter((each) => each !== endpoint);
    context.networks.release(endpoint);
    publishNames(context, container, [endpoint]);
    throw asSystemError(error, `failed to connect ${record.name} to ${network.name}`);
  }
  addToNetworkFiles(context, container, endpoint);
  leadQueries(context);
}

/** An interface that was made, and could not be set up; one that could not even be made may be somebody else's. */
async function takeBack(shim: Shim, { host }: NetworkOperations, { interfaceName }: Endpoint, failure: unknown): Promise<void> {
  if (!(failure instanceof LaunchError) || host.some((each) => each === failure.operation)) return;
  await shim.operate([inNetworkOf(shim.pid), { ...netlinkOperation('it is not connected after all', [deleteLink(interfaceName)]), optional: 1 }]).catch(() => undefined); // the first error is told
}

async function pullOut(context: EngineContext, container: Container, endpoint: Endpoint): Promise<void> {
  const { record, shim } = container;
  if (shim === undefined) return;
  const knowsOfNames = context.names.networksOf(container).length > 0;
  const [before, endpoints] = [gatewayEndpoints(context, container), record.endpoints];
  let ports: PortChange | undefined;
  try {
    record.endpoints = endpoints.filter((each) => each !== endpoint);
    ports = movePorts(context, container, before);
    const names = knowsOfNames ? [knownService(context, container)] : [];
    await shim.operate([...ports.operations, inNetworkOf(shim.pid), ...unplugged(context, container, endpoint), ...names], currentRelease(context, container));
    ports.done();
  } catch (failure) {
    const error = portFailure(container, failure) ?? failure;
    record.endpoints = endpoints;
    ports?.undo();
    throw asSystemError(error, `failed to disconnect ${record.name}`);
  }
  context.networks.release(endpoint);
  publishNames(context, container, [endpoint]);
  removeFromNetworkFiles(context, container, endpoint);
}

/** In the container's namespace. */
function unplugged(context: EngineContext, container: Container, { interfaceName }: Endpoint): Operation[] {
  const routes = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const next = gatewayEndpoint(context, container, family);
    return next === undefined ? [] : defaultRoute(next, family);
  });
  return [
    netlinkOperation('the cable is pulled out', [deleteLink(interfaceName)]),
    ...(routes.length === 0 ? [] : [netlinkOperation('the way out is another one now', routes)]),
  ];
}

function asSystemError(error: unknown, what: string): unknown {
  return error instanceof CaissonError ? error : systemError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

