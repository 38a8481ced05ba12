/** Ping, version, information, events, disk usage. */
import type { Engine, UsageKind } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { parseFilters } from '../filters.ts';
import { get, head, post } from '../router.ts';
import type { Route } from '../router.ts';
import { gateDiskUsage, gateInfo } from '../version-gates.ts';

const pingHeaders = {
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
  // BuildKit is what clients take by themselves.
  'Builder-Version': '2',
  Swarm: 'inactive',
  'Content-Type': 'text/plain; charset=utf-8',
} as const;

export function systemRoutes(engine: Engine): Route[] {
  const { system } = engine;
  return [
    get('/_ping', (exchange) => exchange.response.send(200, pingHeaders, 'OK')),
    head('/_ping', (exchange) => exchange.response.send(200, pingHeaders, '')),
    get('/version', (exchange) => exchange.json(200, system.version())),
    get('/info', async (exchange) => exchange.json(200, gateInfo(await system.info(), exchange.version))),
    get('/events', (exchange) => events(engine, exchange)),
    get('/system/df', (exchange) => diskUsage(engine, exchange)),
    // An extension.
    post('/system/check', async (exchange) => exchange.json(200, await system.check({ repair: exchange.query.bool('repair'), verify: exchange.query.bool('verify') }))),
  ];
}

async function events(engine: Engine, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const since = query.get('since');
  const until = query.get('until');
  const [from, to] = [time(since), time(until)];
  if (from !== undefined && to !== undefined && to < from) {
    throw invalidParameter(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
  }
  const filters = parseFilters(query.get('filters'));
  const messages = await engine.system.events({ since, until, filters, signal: exchange.request.signal });
  exchange.startJson();
  await exchange.stream(messages, (message) => `${JSON.stringify(message)}\n`);
}

/** Seconds since the epoch from `1700000000.5` or RFC 3339; undefined when empty. */
function time(text: string): number | undefined {
  if (text === '') return undefined;
  if (/^-?[0-9]+(\.[0-9]*)?$/.test(text)) return Number(text);
  const milliseconds = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw invalidParameter(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return milliseconds / 1000;
}

const usageKinds: readonly UsageKind[] = ['container', 'image', 'volume', 'build-cache'];

async function diskUsage({ system }: Engine, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const asked = version < 42 ? [] : query.all('type');
  for (const type of asked) {
    if (!usageKinds.some((kind) => kind === type)) throw invalidParameter(`unknown object type: ${type}`);
  }
  const kinds = usageKinds.filter((kind) => asked.length === 0 || asked.includes(kind));
  exchange.json(200, gateDiskUsage(await system.diskUsage(new Set(kinds)), version));
}
