import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { timestamp } from '../format/timestamp.ts';
import { jsonLines } from '../io/json-lines.ts';
import { printLine } from '../io/output.ts';

interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> | null };
  readonly timeNano: number;
  readonly time: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Show what happens in the engine, as it happens',
  flags: [
    flag('f,filter', 'list', 'Show only those that match (event=die, container=web)', { value: 'filter' }),
    flag('format', 'string', "'json' or a Go template"),
    flag('since', 'string', 'From this time on'),
    flag('until', 'string', 'Up to this time'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const format = flags.string('format');
    const template = format === '' || format === 'json' ? undefined : new (await import('../format/template.ts')).Template(format);
    const query = {
      since: timestamp(flags.string('since')), until: timestamp(flags.string('until')), filters: filtersQuery(flags.list('filter')),
    };
    const engine = await context.engine();
    const answer = await engine.request('GET', '/events', { query });
    for await (const event of jsonLines<EngineEvent>(answer.body())) {
      if (format === 'json') printLine(JSON.stringify(event));
      else printLine(template === undefined ? describe(event) : template.execute(event));
    }
    return 0;
  },
};

/** `2024-01-02T03:04:05.000000000+01:00 container start ID (image=busybox, name=web)`. */
function describe({ Type, Action, Actor, time, timeNano }: EngineEvent): string {
  const attributes = Object.entries(Actor.Attributes ?? {}).map(([key, value]) => `${key}=${value}`).sort().join(', ');
  return `${localStamp(time, timeNano)} ${Type} ${Action} ${Actor.ID}${attributes === '' ? '' : ` (${attributes})`}`;
}

const two = (value: number) => String(value).padStart(2, '0');

function localStamp(seconds: number, nanoseconds: number): string {
  const date = new Date(seconds * 1000);
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  // timeNano is beyond what a double holds exactly; the seconds are exact, the fraction is good to a microsecond.
  const fraction = Math.max(0, Math.min(999_999_999, Math.round(nanoseconds - seconds * 1e9)));
  return `${local}.${String(fraction).padStart(9, '0')}${zone}`;
}
