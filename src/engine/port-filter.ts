/** Filters by port: `80`, `80/udp`, `8000-8010/tcp` (moby daemon/list.go, go-connections nat.ParsePortRangeToInt). */
import { invalidParameter } from '../errors.ts';
import type { Filters } from './engine.ts';

/** Every port the filter's values name, as `80/tcp`; undefined without the filter. Throws invalid-parameter in Docker's words. */
export function portsOf(filters: Filters, name: 'expose' | 'publish'): ReadonlySet<string> | undefined {
  const values = filters[name];
  if (values === undefined || values.length === 0) return undefined;
  const ports = new Set<string>();
  for (const value of values) {
    const [range = '', protocol = 'tcp'] = value.split('/', 2);
    for (const port of expand(range, (why) => invalidParameter(`error while looking up for ${name} ${value}: ${why}`))) {
      ports.add(`${port}/${protocol.toLowerCase()}`);
    }
  }
  return ports;
}

function* expand(range: string, refused: (why: string) => Error): Generator<number> {
  const [first, last] = range.split('-', 2).map((text) => {
    if (!/^\d+$/.test(text)) throw refused(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) > 65_535) throw refused(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
    return Number(text);
  });
  if (first === undefined) return;
  if (last !== undefined && last < first) throw refused(`Invalid range specified for the Port: ${range}`);
  for (let port = first; port <= (last ?? first); port++) yield port;
}
