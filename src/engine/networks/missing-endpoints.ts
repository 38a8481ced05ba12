/** Endpoints that are recorded and not there: the last daemon was killed before a container was connected, or after it was disconnected. */
import { readFileSync } from 'node:fs';
import type { Endpoint } from '../../network/network.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { gatewayEndpoint } from './gateway.ts';

/** Of a container that runs with the first process `pid`: forgets them, and its ports lead to what is the way out instead. */
export function forgetMissingEndpoints(context: EngineContext, container: Container, pid: number): void {
  const { record } = container;
  const missing = record.endpoints.filter((endpoint) => !isThere(endpoint, pid));
  if (missing.length === 0) return;
  record.endpoints = record.endpoints.filter((endpoint) => !missing.includes(endpoint));
  const gone = new Set(missing.map(({ networkId }) => networkId));
  record.networks = Object.fromEntries(Object.entries(record.networks).filter(([name]) => !gone.has(context.networks.find(name)?.id ?? '')));
  record.ports = record.ports.flatMap((binding) => {
    if (!missing.some(({ id }) => id === binding.endpointId)) return [binding];
    const wayOut = gatewayEndpoint(context, container, 'ipv4') ?? gatewayEndpoint(context, container, 'ipv6');
    const address = binding.address.includes(':') ? wayOut?.ipv6?.address : wayOut?.ipv4?.address;
    return wayOut === undefined || address === undefined ? [] : [{ ...binding, endpointId: wayOut.id, address }];
  });
}

/** By the end on the host, which a container cannot rename; where there is none, by that in the container. */
function isThere({ hostInterface, interfaceName }: Endpoint, pid: number): boolean {
  try {
    return hostInterface === '' ? hasInterface(`/proc/${pid}/net/dev`, interfaceName) : hasInterface('/proc/self/net/dev', hostInterface);
  } catch {
    return true; // it ends just now, and all of it goes
  }
}

const hasInterface = (file: string, name: string): boolean => readFileSync(file, 'utf8').split('\n').some((line) => line.trimStart().startsWith(`${name}:`));
