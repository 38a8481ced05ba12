import type { Command } from '../command.ts';
import { flag } from '../flags/spec.ts';
import { print } from '../io/output.ts';

interface Finding {
  readonly Kind: string;
  readonly Object: string;
  readonly Problem: string;
  readonly Reason: string;
  readonly Remedy: string;
  readonly Repairable: boolean;
  readonly Repaired: boolean;
  readonly Error?: string;
}

interface Report {
  readonly Checked: Readonly<Record<string, number>>;
  readonly Findings: readonly Finding[];
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Compare what is recorded with what is on the disk, and explain each difference',
  notes: 'Exits with 1 when something is left that is not as it should be.',
  flags: [
    flag('repair', 'bool', 'Put right what can be'),
    flag('verify', 'bool', 'Read all layers, and compare them with their digests'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const engine = await context.engine();
    const query = { repair: String(flags.bool('repair')), verify: String(flags.bool('verify')) };
    const { Checked, Findings } = await (await engine.request('POST', '/system/check', { query })).json<Report>();
    print(Findings.map(shown).join(''));
    const counts = Object.entries(Checked).map(([what, count]) => `${count} ${what.toLowerCase()}`).join(', ');
    const left = Findings.filter(({ Repaired }) => !Repaired).length;
    print(`Checked ${counts}: ${summary(Findings.length, left)}\n`);
    return left === 0 ? 0 : 1;
  },
};

function summary(found: number, left: number): string {
  if (found === 0) return 'nothing is wrong.';
  return `${found} found, ${found - left} repaired.`;
}

function shown({ Kind, Object: object, Problem, Reason, Remedy, Repairable, Repaired, Error: error }: Finding): string {
  const outcome = Repaired ? ' Done.' : error === undefined ? '' : ` Failed: ${error}`;
  return `${Kind} ${object}\n  what:   ${Problem}\n  why:    ${Reason}\n  ${Repairable ? 'repair' : 'help'}: ${Repairable ? '' : '  '}${Remedy}${outcome}\n`;
}
