/** Published ports in one line, runs of them joined: `0.0.0.0:8080->80/tcp, 9000-9002/udp`. */

export interface PublishedPort {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

interface Run {
  readonly ip: string;
  readonly type: string;
  first: number;
  last: number;
  readonly outside: number;
}

export function portsText(ports: readonly PublishedPort[]): string {
  const sorted = [...ports].sort((left, right) =>
    left.PrivatePort - right.PrivatePort || compare(left.IP ?? '', right.IP ?? '') || (left.PublicPort ?? 0) - (right.PublicPort ?? 0) ||
    compare(left.Type, right.Type));
  const runs: Run[] = [];
  for (const port of sorted) {
    const { IP: ip = '', PrivatePort: inside, PublicPort: outside = 0, Type: type } = port;
    const run = runs.find((one) => one.ip === ip && one.type === type && one.last + 1 === inside && follows(one, outside));
    if (run === undefined) runs.push({ ip, type, first: inside, last: inside, outside });
    else run.last = inside;
  }
  return runs.map(show).join(', ');
}

const compare = (left: string, right: string) => (left === right ? 0 : left < right ? -1 : 1);

/** Ports in a run keep their distance to the port outside, or have none. */
function follows(run: Run, outside: number): boolean {
  return run.outside === 0 ? outside === 0 : outside === run.outside + (run.last + 1 - run.first);
}

const range = (from: number, length: number) => (length === 0 ? String(from) : `${from}-${from + length}`);

function show({ ip, type, first, last, outside }: Run): string {
  const inside = `${range(first, last - first)}/${type}`;
  if (outside === 0) return inside;
  return `${ip.includes(':') ? `[${ip}]` : ip}:${range(outside, last - first)}->${inside}`;
}
