/** Which of a container's endpoints is its way out. */
import type { Endpoint } from '../../network/network.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { settingsOf } from './names.ts';

export interface Gateways {
  readonly ipv4: Endpoint | undefined;
  readonly ipv6: Endpoint | undefined;
}

export const gatewayEndpoints = (context: EngineContext, container: Container): Gateways =>
  ({ ipv4: gatewayEndpoint(context, container, 'ipv4'), ipv6: gatewayEndpoint(context, container, 'ipv6') });

/** Through which endpoint the default route of a family goes: the highest priority, then one that has both families, then the first name (Docker 28). */
export function gatewayEndpoint(context: EngineContext, { record }: Container, family: 'ipv4' | 'ipv6'): Endpoint | undefined {
  const candidates = record.endpoints.flatMap((endpoint) => {
    const network = context.networks.get(endpoint.networkId);
    if (network.internal || (endpoint[family]?.gateway ?? '') === '') return [];
    const isDual = [endpoint.ipv4, endpoint.ipv6].every((each) => (each?.gateway ?? '') !== '');
    return [{ endpoint, name: network.name, priority: settingsOf(record.networks, network)?.GwPriority ?? 0, isDual }];
  });
  return candidates.toSorted((a, b) => b.priority - a.priority || Number(b.isDual) - Number(a.isDual) || (a.name < b.name ? -1 : 1))[0]?.endpoint;
}
