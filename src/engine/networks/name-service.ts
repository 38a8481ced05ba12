/** A container's name service: what its plan says of it, and says again when its networks change. */
import { nameServiceOperation } from '../../network/dns/service-operation.ts';
import type { NetworkRecord } from '../../network/network.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { resolvConfOf } from '../network-files.ts';
import { gatewayEndpoint } from './gateway.ts';
import { settingsOf } from './names.ts';

/** Whether a container has a name service, being on a network with names. */
export const usesNameService = ({ names }: EngineContext, container: Container): boolean => names.networksOf(container).length > 0;

export function nameService(context: EngineContext, container: Container): Operation {
  const { servers, ndotsSet } = resolvConfOf(context, container);
  const networks = context.names.networksOf(container);
  return nameServiceOperation({
    tables: networks.map((network) => context.names.path(network)),
    links: networks.flatMap((network, table) => linksOn(container, network).map((link) => ({ table, ...link }))),
    servers,
    ndotsSet,
    outside: (['ipv4', 'ipv6'] as const).some((family) => gatewayEndpoint(context, container, family) !== undefined),
  });
}

/** `target:alias`, or a target that is its own alias. */
function linksOn({ record }: Container, network: NetworkRecord): { alias: string; target: string }[] {
  return (settingsOf(record.networks, network)?.Links ?? []).map((link) => {
    const [target = '', alias = target] = link.split(':');
    return { alias, target };
  });
}
