/** `--publish` and `--expose`. */
import * as net from 'node:net';
import { splitPair } from './key-values.ts';

export interface PortBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

export interface Ports {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, PortBinding[]>;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Parses both options. Throws with the texts of docker/go-connections. */
export function parsePorts(publish: readonly string[], expose: readonly string[]): Ports {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const option of publish) addPublished(exposed, bindings, option.includes('=') ? fromPairs(option) : option);
  for (const option of expose) {
    if (option.includes(':')) throw new Error(`invalid port format for --expose: ${option}`);
    const [ports, protocol] = splitProtocol(option);
    const range = exposedRange(option, ports);
    for (let port = range.first; port <= range.last; port++) exposed[`${port}/${protocol}`] = {};
  }
  return { exposed, bindings };
}

/** `published=8080,target=80,protocol=udp` → `8080:80/udp`. */
function fromPairs(option: string): string {
  const pairs: Record<string, string> = { protocol: 'tcp', published: '', target: '' };
  for (const field of option.split(',')) {
    if (!field.includes('=')) throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    const [key, value] = splitPair(field);
    pairs[key] = value;
  }
  return `${pairs['published']}:${pairs['target']}/${pairs['protocol']}`;
}

function addPublished(exposed: Ports['exposed'], bindings: Ports['bindings'], option: string): void {
  const { ip, host, container: rest } = splitPublish(option);
  const [container, protocol] = splitProtocol(rest);
  if (container === '') throw new Error(`no port specified: ${option}<empty>`);
  const address = ip.startsWith('[') ? ip.slice(1, -1) : ip;
  if (address !== '' && net.isIP(address) === 0) throw new Error(`invalid IP address: ${address}`);
  const inside = portRange(container, 'containerPort');
  const outside = host === '' ? undefined : portRange(host, 'hostPort');
  const count = inside.last - inside.first;
  // A range outside for one port inside lets the engine choose among them; any other mismatch is a mistake.
  if (outside !== undefined && outside.last - outside.first !== count && count !== 0) {
    throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  for (let offset = 0; offset <= count; offset++) {
    const key = `${inside.first + offset}/${protocol}`;
    exposed[key] = {};
    (bindings[key] ??= []).push({ HostIp: address, HostPort: hostPort(outside, offset, count) });
  }
}

function hostPort(outside: Range | undefined, offset: number, count: number): string {
  if (outside === undefined) return '';
  if (count === 0 && outside.last > outside.first) return `${outside.first}-${outside.last}`;
  return String(outside.first + offset);
}

/** `ip:host:container`, from the right; an IPv6 address is in brackets, or is what is left. */
function splitPublish(option: string): { ip: string; host: string; container: string } {
  const parts = option.split(':');
  const container = parts.pop() as string;
  const host = parts.pop() ?? '';
  return { ip: parts.join(':'), host, container };
}

function splitProtocol(text: string): readonly [string, string] {
  const [port = '', protocol = ''] = text.split('/');
  const name = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (!['tcp', 'udp', 'sctp'].includes(name)) throw new Error(`invalid proto: ${protocol}`);
  return [port, name];
}

function exposedRange(option: string, ports: string): Range {
  try {
    return portRange(ports, '');
  } catch {
    throw new Error(`invalid range format for --expose: ${option}, error: strconv.ParseUint: parsing ${JSON.stringify(ports)}: invalid syntax`);
  }
}

function portRange(text: string, name: string): Range {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (match === null || first > 65535 || last > 65535 || last < first) throw new Error(`invalid ${name}: ${text}`);
  return { first, last };
}
