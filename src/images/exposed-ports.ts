/** Ports as EXPOSE takes them, in the words of github.com/docker/go-connections/nat. */
import { isIP } from 'node:net';
import { invalidParameter } from '../errors.ts';

const protocols = ['tcp', 'udp', 'sctp'];

/**
 * `80`, `80/udp`, `8000-8002`, `127.0.0.1:80:80` as Docker records them: `80/tcp`, one for each port. Throws
 * invalid-parameter.
 */
export function exposedPorts(spec: string): string[] {
  const [ports, protocol = 'tcp'] = splitOnce(spec, '/');
  const parts = ports.split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const address = parts.join(':').replace(/^\[(.*)\]$/, '$1');
  if (address !== '' && isIP(address) === 0) throw invalidParameter(`Invalid ip address: ${address}`, { object: spec });
  if (container === '') throw invalidParameter(`No port specified: ${spec}<empty>`, { object: spec });
  const range = parseRange(container);
  if (!range) throw invalidParameter(`Invalid containerPort: ${container}`, { object: spec });
  const hostRange = host === '' ? range : parseRange(host);
  if (!hostRange) throw invalidParameter(`Invalid hostPort: ${host}`, { object: spec });
  const [first, last] = range;
  if (last - first !== hostRange[1] - hostRange[0] && last !== first) {
    throw invalidParameter(`Invalid ranges specified for container and host Ports: ${container} and ${host}`, { object: spec });
  }
  if (!protocols.includes(protocol.toLowerCase())) throw invalidParameter(`Invalid proto: ${protocol}`, { object: spec });
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`);
}

function parseRange(text: string): [first: number, last: number] | undefined {
  const [first, last = first] = splitOnce(text, '-');
  if (!/^\d{1,5}$/.test(first) || !/^\d{1,5}$/.test(last)) return undefined;
  const [from, to] = [Number(first), Number(last)];
  return to > 65535 || to < from ? undefined : [from, to];
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
