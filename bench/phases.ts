/** Where the time of one start goes, as the daemon tells it with `--debug`. */
import { readFileSync } from 'node:fs';
import { RunningEngine } from '../test/support/engine.ts';
import { create, remove } from './containers.ts';
import { median, timed } from './statistics.ts';
import { format } from './table.ts';

type Phases = Readonly<Record<string, number>>;

/** What each phase is, in the order in which they pass. */
const meanings: Readonly<Record<string, string>> = {
  specify: 'record and image → OCI configuration → plan',
  encode: 'plan → bytes, a shim taken',
  prepare: 'cgroups and limits, the overlay mount',
  clone: 'clone3 into new namespaces',
  init: 'cgroups joined, mounts, pivot_root, privileges',
  execve: 'seccomp filter, execve',
  messages: 'to the shim and back',
  record: 'database, event, attached clients',
};

/** A table of medians. The rest of a start is HTTP. */
export async function startByPhase(rounds: number): Promise<string[][]> {
  const engine = await RunningEngine.start({ name: 'caisson' }, { args: ['--debug'] });
  try {
    const client = engine.client();
    const calls = await timed(rounds, async () => {
      const id = await create(client, ['true']);
      const before = performance.now();
      await client.json('POST', `/containers/${id}/start`);
      const took = performance.now() - before;
      await client.json('POST', `/containers/${id}/wait`);
      await remove(client, id);
      return took;
    });
    client.close();
    const starts = readStarts(readFileSync(engine.logFile, 'utf8')).slice(-rounds);
    const rows = Object.entries(meanings).map(([phase, meaning]) => ({ phase, meaning, value: median(starts.map((each) => each[phase] ?? 0)) }));
    const inside = rows.reduce((sum, { value }) => sum + value, 0);
    return [
      ['phase', 'what', ''],
      ...rows.map(({ phase, meaning, value }) => [phase, meaning, format(value, 'ms')]),
      ['(rest)', 'HTTP, the event loop', format(median(calls) - inside, 'ms')],
    ];
  } finally {
    await engine.endDaemon('SIGTERM');
    await engine.discard();
  }
}

function readStarts(log: string): Phases[] {
  return [...log.matchAll(/debug started .*milliseconds=(\{.*\})/g)].map(([, json = '{}']) => JSON.parse(json) as Phases);
}
