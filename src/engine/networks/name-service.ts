/** A container's name service: what its plan says of it, and says again when its networks change. */
import { cloneFlag } from '../../linux/clone-flags.ts';
import { namespacePath } from '../../linux/namespaces.ts';
import { nameServiceOperation } from '../../network/dns/service-operation.ts';
import type { NetworkRecord } from '../../network/network.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { resolvConfOf } from '../network-files.ts';
import { gatewayEndpoint } from './gateway.ts';
import { settingsOf } from './names.ts';

export const needsNameService = ({ names }: EngineContext, container: Container): boolean =>
  names.networksOf(container).length > 0 || names.behindServers(container) !== undefined;

/** What gives a container a name service, or another one; none where it needs none. */
export function nameService(context: EngineContext, container: Container): Operation[] {
  if (context.names.networksOf(container).length > 0) return [knownService(context, container)];
  const behind = context.names.behindServers(container);
  return behind === undefined ? [] : [serviceBehindServers(context, container, behind)];
}

/** One that the container's `resolv.conf` names. */
export function knownService(context: EngineContext, container: Container): Operation {
  const networks = context.names.networksOf(container);
  const { servers, ndotsSet } = resolvConfOf(context, container);
  return nameServiceOperation({
    tables: networks.map((network) => context.names.path(network)),
    links: networks.flatMap((network, table) => linksOn(container, network).map((link) => ({ table, ...link }))),
    servers,
    ndotsSet,
    outside: (['ipv4', 'ipv6'] as const).some((family) => gatewayEndpoint(context, container, family) !== undefined),
    last: false, search: [],
  });
}

/** On the default network. */
function serviceBehindServers(context: EngineContext, container: Container, network: NetworkRecord): Operation {
  const { servers, search } = resolvConfOf(context, container);
  return nameServiceOperation({ tables: [context.names.path(network)], links: [], servers, ndotsSet: false, outside: true, last: true, search });
}

/**
 * Containers on the default network that run already get a name service when the first one there is given a name; they are not waited for. One
 * that has it keeps it.
 */
export function leadQueries(context: EngineContext): void {
  for (const container of context.registry.all()) {
    if (container.hasNameService || container.shim === undefined || context.names.behindServers(container) === undefined) continue;
    container.hasNameService = true;
    void container.exclusively(() => leadQueriesOf(context, container)).catch((error: unknown) => {
      container.hasNameService = false;
      context.logger.warn('a container on the default network does not find the others by name', { container: container.id, error });
    });
  }
}

async function leadQueriesOf(context: EngineContext, container: Container): Promise<void> {
  const { shim } = container;
  const operations = nameService(context, container);
  if (shim === undefined || operations.length === 0) {
    container.hasNameService = false;
    return;
  }
  await shim.operate([inNetworkOf(shim.pid), ...operations]);
}

/** What follows is done in the container's network namespace. */
export const inNetworkOf = (pid: number): Operation => ({
  name: 'setns', reason: 'the interfaces are those of the container', path: namespacePath(pid, 'network'), type: BigInt(cloneFlag.CLONE_NEWNET),
});

/** `target:alias`, or a target that is its own alias. */
function linksOn({ record }: Container, network: NetworkRecord): { alias: string; target: string }[] {
  return (settingsOf(record.networks, network)?.Links ?? []).map((link) => {
    const [target = '', alias = target] = link.split(':');
    return { alias, target };
  });
}
