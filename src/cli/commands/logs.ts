import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';
import { timestamp } from '../format/timestamp.ts';
import { demultiplex } from '../../engine/demultiplex.ts';
import { writeAll } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Show what a container has printed',
  flags: [
    flag('details', 'bool', 'Show what the log driver adds'),
    flag('f,follow', 'bool', 'Go on as more is printed'),
    flag('since', 'string', 'From this time on (2013-01-02T13:23:37Z, or 42m for 42 minutes ago)'),
    flag('n,tail', 'string', 'The last lines only', { initial: 'all' }),
    flag('t,timestamps', 'bool', 'Show when each line was printed'),
    flag('until', 'string', 'Up to this time'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const name = args[0] as string;
    const query = {
      stdout: true, stderr: true, follow: flags.bool('follow'), timestamps: flags.bool('timestamps'), details: flags.bool('details'),
      tail: flags.string('tail'), since: timestamp(flags.string('since')), until: timestamp(flags.string('until')),
    };
    const engine = await context.engine();
    const answer = await engine.request('GET', containerPath(name, '/logs'), { query });
    if (await isTty(answer.headers.get('content-type'))) {
      for await (const chunk of answer.body()) await writeAll(1, chunk);
    } else await demultiplex(answer.body(), writeAll);
    return 0;

    /** Engines before API 1.42 do not say in the type whether the stream has frames. */
    async function isTty(type: string | undefined): Promise<boolean> {
      if (type === 'application/vnd.docker.multiplexed-stream') return false;
      const inspected = await engine.request('GET', containerPath(name, '/json'));
      return (await inspected.json<{ Config: { Tty: boolean } }>()).Config.Tty;
    }
  },
};
