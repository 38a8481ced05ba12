/** What was asked of a container on a network, and by which names the others there know it. */
import type { NetworkRecord } from '../../network/network.ts';
import type { Container } from '../container.ts';
import type { EndpointSettings } from '../docker-types.ts';

/** Its name, the aliases on this network, its short id, its host name: each once, in this order (Docker 28). */
export function dnsNames({ record }: Container, { Aliases }: EndpointSettings): string[] {
  const hostname = record.config.Hostname ?? '';
  return [...new Set([record.name, ...(Aliases ?? []), record.id.slice(0, 12), ...(hostname === '' ? [] : [hostname])])];
}

/** What was asked of a network, however it was named. */
export const settingsOf = (networks: Readonly<Record<string, EndpointSettings>>, { id, name }: NetworkRecord): EndpointSettings | undefined =>
  networks[name] ?? networks[id] ?? Object.entries(networks).find(([key]) => id.startsWith(key))?.[1];
