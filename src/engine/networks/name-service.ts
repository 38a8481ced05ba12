/** The name service of containers on networks with names. */
import { Forwarder } from '../../network/dns/forwarder.ts';
import { resolve, type NameClient } from '../../network/dns/resolver.ts';
import type { NetworkRegistry } from '../../network/network.ts';
import type { Shim } from '../../runtime/shim.ts';
import type { Container } from '../container.ts';
import type { ContainerRegistry } from '../container-registry.ts';
import type { EngineContext } from '../context.ts';
import { resolvConfOf } from '../network-files.ts';
import { gatewayEndpoint } from './gateway.ts';
import { NameIndex, usesNameService } from './name-index.ts';
import { zoneOf } from './zone.ts';

export class NameService {
  readonly index: NameIndex;
  readonly forwarder = new Forwarder();

  constructor(containers: ContainerRegistry, networks: NetworkRegistry) {
    this.index = new NameIndex(containers, networks);
  }
}

/** From here on the container's queries are answered. */
export function serveNames(context: EngineContext, container: Container, shim: Shim): void {
  if (!usesNameService(context, container)) return;
  const { index, forwarder } = context.names;
  const client = clientOf(context, container, zoneOf(container, index));
  shim.serveNames((query, overTcp) => resolve(client, query, overTcp, forwarder));
}

function clientOf(context: EngineContext, container: Container, zone: NameClient['zone']): NameClient {
  const { servers, ndotsSet } = resolvConfOf(context, container);
  // Those that a user names are meant as the container sees them: its loopback is out of reach from here.
  const reachable = servers.filter(({ address, hostLoopback }) => hostLoopback || !isLoopback(address));
  const hasWayOut = () => (['ipv4', 'ipv6'] as const).some((family) => gatewayEndpoint(context, container, family) !== undefined);
  return { zone, ndotsSet, servers: () => (hasWayOut() ? reachable : []) };
}

const isLoopback = (address: string) => /^(?:127\.|::1$)/.test(address);
