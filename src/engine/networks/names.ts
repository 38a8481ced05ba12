/** By which names a container is known to the others on a network. */
import type { Container } from '../container.ts';
import type { EndpointSettings } from '../docker-types.ts';

/** Its name, the aliases on this network, its short id, its host name: each once, in this order (Docker 28). */
export function dnsNames({ record }: Container, { Aliases }: EndpointSettings): string[] {
  const hostname = record.config.Hostname ?? '';
  return [...new Set([record.name, ...(Aliases ?? []), record.id.slice(0, 12), ...(hostname === '' ? [] : [hostname])])];
}
