import type { Command } from '../command.ts';
import { describeError } from '../context.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { shortId } from '../format/table.ts';
import { type Stats, type Usage, usageOf } from '../format/usage.ts';
import type { HttpClient } from '../http/client.ts';
import { print } from '../io/output.ts';

interface Row extends Usage {
  /** What the command line called it, or its short id. */
  readonly container: string;
  readonly id: string;
  readonly name: string;
}

/** Milliseconds between two pictures of a stream. */
const interval = 1000;
/** To the top left, erasing what is there. */
const clearScreen = '\x1b[2J\x1b[H';

export const command: Command = {
  usage: '[OPTIONS] [CONTAINER...]',
  summary: 'Show what containers use, as it changes',
  flags: [
    flag('a,all', 'bool', 'Show stopped ones too'),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('no-stream', 'bool', 'Show it once'),
    flag('no-trunc', 'bool', 'Do not shorten anything'),
  ],
  least: 0,
  async run(context, flags, args) {
    const engine = await context.engine();
    const shown = listing(!flags.bool('no-trunc'));
    const show = async (rows: readonly Row[]) => printListing(shown, rows, { format: flags.string('format') });
    const names = async () => (args.length > 0 ? args : listed(engine, flags.bool('all')));
    if (flags.bool('no-stream')) {
      await show(await rowsOf(await names(), (name) => fetchStats(engine, name, 'stream=0')));
      return 0;
    }
    const before = new Map<string, Stats>();
    for (;;) {
      const rows = await rowsOf(await names(), async (name) => withPrevious(await fetchStats(engine, name, 'stream=0&one-shot=1'), before));
      print(clearScreen);
      await show(rows);
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  },
};

async function listed(engine: HttpClient, all: boolean): Promise<string[]> {
  const containers = await (await engine.request('GET', '/containers/json', { query: { all } })).json<{ Id: string }[]>();
  return containers.map(({ Id }) => Id);
}

const fetchStats = async (engine: HttpClient, name: string, query: string): Promise<Stats> =>
  (await engine.request('GET', `${containerPath(name, '/stats')}?${query}`)).json<Stats>();

/** All at once: each may take a second. */
async function rowsOf(names: readonly string[], fetch: (name: string) => Promise<Stats>): Promise<Row[]> {
  try {
    return await Promise.all(names.map(async (name) => {
      const stats = await fetch(name);
      const container = name === stats.id ? shortId(name) : name;
      return { container, id: stats.id, name: stats.name.replace(/^\//, ''), ...usageOf(stats) };
    }));
  } catch (error) {
    throw new ExitError(1, describeError(error));
  }
}

/** A sample taken at once knows nothing of the one before it; we do. */
function withPrevious(stats: Stats, before: Map<string, Stats>): Stats {
  const previous = before.get(stats.id);
  before.set(stats.id, stats);
  return previous === undefined ? stats : { ...stats, precpu_stats: previous.cpu_stats };
}

function listing(truncate: boolean): Listing<Row> {
  return {
    columns: {
      ID: { header: 'CONTAINER ID', value: ({ id }) => (truncate ? shortId(id) : id) },
      Container: { header: 'CONTAINER', value: ({ container }) => container },
      Name: { header: 'NAME', value: ({ name }) => name },
      CPUPerc: { header: 'CPU %', value: ({ cpu }) => cpu },
      MemUsage: { header: 'MEM USAGE / LIMIT', value: ({ memory }) => memory },
      MemPerc: { header: 'MEM %', value: ({ memoryPercent }) => memoryPercent },
      NetIO: { header: 'NET I/O', value: ({ network }) => network },
      BlockIO: { header: 'BLOCK I/O', value: ({ disk }) => disk },
      PIDs: { header: 'PIDS', value: ({ processes }) => processes },
    },
    table: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
  };
}
