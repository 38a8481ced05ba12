/** Usage texts: the list of commands, a group's, and each command's options. */
import type { Command } from './command.ts';
import { ExitError } from './errors.ts';
import type { ParsedLine } from './flags/parse.ts';
import type { FlagKind, FlagSpec } from './flags/spec.ts';
import { colourful, print, printError } from './io/output.ts';
import { COMMANDS, COMMON, type Entry, GROUPS } from './registry.ts';

/** Handles everything that is not a command: `help`, a group alone, nothing at all, a misspelling. Returns the exit code. */
export async function helpCommand(words: readonly string[], wanted: boolean): Promise<number> {
  const topic = words[0] === 'help' ? words.slice(1) : words;
  const [name, second] = topic;
  if (name === undefined || name.startsWith('-')) {
    print(overview());
    return 0;
  }
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  const entry = group === undefined ? COMMANDS[name] : group.commands[second ?? ''];
  if (entry !== undefined) {
    const { command } = await entry.load();
    print(commandHelp(group === undefined ? name : `${name} ${second}`, command));
    return 0;
  }
  if (group !== undefined && (second === undefined || second.startsWith('-'))) {
    print(groupHelp(name, group.summary, group.commands));
    return 0;
  }
  const path = group === undefined ? name : `${name} ${second}`;
  const topicHelp = wanted || group === undefined ? '' : `${name} `;
  printError(`caisson: unknown command: caisson ${path}\n${suggestion(path)}\nRun 'caisson ${topicHelp}--help' for more information`);
  return 1;
}

/** Prints help that was asked for, or the error and the usage line; returns the exit code. */
export function explain(path: string, command: Command, line: ParsedLine | ExitError): number {
  if (!(line instanceof ExitError)) {
    print(commandHelp(path, command));
    return 0;
  }
  printError(`${line.message}\n\n${usageLine(path, command)}\n\nRun 'caisson ${path} --help' for more information`);
  return line.code;
}

function heading(text: string): string {
  return colourful(1) ? `\x1b[1m${text}\x1b[0m` : text;
}

function usageLine(path: string, command: Command): string {
  return `Usage:  caisson ${path}${command.usage === '' ? '' : ` ${command.usage}`}`;
}

function overview(): string {
  const common = COMMON.map((name): [string, Entry] => [name, COMMANDS[name] as Entry]);
  const others = Object.entries(COMMANDS).filter(([name]) => !(COMMON as readonly string[]).includes(name));
  return `${heading('Usage:')}  caisson [OPTIONS] COMMAND

A container engine that speaks Docker's API

${heading('Common commands:')}
${entries(common)}
${heading('Management commands:')}
${entries(Object.entries(GROUPS))}
${heading('Commands:')}
${entries(others.sort(([left], [right]) => (left < right ? -1 : 1)))}
${heading('Global options:')}
  -H, --host string   Engine to talk to: unix:///PATH or tcp://HOST:PORT (env CAISSON_HOST)
  -v, --version       Print the version and quit
  -h, --help          Print usage

Run 'caisson COMMAND --help' for more information on a command.
First steps: caisson run -it --rm busybox sh
`;
}

function groupHelp(name: string, summary: string, commands: Readonly<Record<string, Entry>>): string {
  const list = entries(Object.entries(commands));
  return `${heading('Usage:')}  caisson ${name} COMMAND\n\n${summary}\n\n${heading('Commands:')}\n${list}
Run 'caisson ${name} COMMAND --help' for more information on a command.\n`;
}

function entries(list: readonly (readonly [string, { readonly summary: string }])[]): string {
  const width = Math.max(...list.map(([name]) => name.length)) + 2;
  return list.map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}\n`).join('');
}

function commandHelp(path: string, command: Command): string {
  const aliases = aliasesOf(path);
  let text = `${heading('Usage:')}  caisson ${path} ${command.usage}\n\n${command.summary}\n`;
  if (command.notes !== undefined) text += `\n${command.notes}\n`;
  if (aliases.length > 1) text += `\n${heading('Aliases:')}\n  ${aliases.map((alias) => `caisson ${alias}`).join(', ')}\n`;
  const shown = command.flags.filter((flag) => flag.hidden !== true);
  if (shown.length > 0) text += `\n${heading('Options:')}\n${optionTable(shown)}`;
  return text;
}

/** Every way to say a command: `container ls`, `container ps`, `ps`. */
function aliasesOf(path: string): string[] {
  const [first, second] = path.split(' ');
  const entry = second === undefined ? COMMANDS[first as string] : GROUPS[first as string]?.commands[second];
  const found: string[] = [];
  for (const [group, { commands }] of Object.entries(GROUPS)) {
    for (const [name, candidate] of Object.entries(commands)) {
      if (candidate.load !== entry?.load) continue;
      found.push(...[name, ...(candidate.aliases ?? [])].map((alias) => `${group} ${alias}`));
    }
  }
  for (const [name, candidate] of Object.entries(COMMANDS)) if (candidate.load === entry?.load) found.push(name);
  return found;
}

const VALUE_WORDS: Readonly<Record<FlagKind, string>> = {
  bool: '', string: 'string', int: 'int', uint16: 'uint16', list: 'list', bytes: 'bytes', cpus: 'decimal', duration: 'duration',
};

function optionTable(flags: readonly FlagSpec[]): string {
  const rows = [...flags].sort((left, right) => (left.name < right.name ? -1 : 1)).map((flag): [string, string] => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const value = flag.value ?? VALUE_WORDS[flag.kind];
    const initial = flag.initial === undefined ? '' : ` (default ${JSON.stringify(flag.initial)})`;
    return [`  ${short}--${flag.name}${value === '' ? '' : ` ${value}`}`, flag.help + initial];
  });
  const width = Math.max(...rows.map(([name]) => name.length)) + 3;
  const room = Math.max(30, Math.min(process.stdout.columns || 80, 120) - width);
  return rows.map(([name, help]) => `${name.padEnd(width)}${wrap(help, room).join(`\n${' '.repeat(width)}`)}\n`).join('');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The nearest command by edit distance, when it is near. */
function suggestion(path: string): string {
  const names = [...Object.keys(COMMANDS), ...Object.keys(GROUPS)];
  const [best] = names.map((name) => ({ name, distance: distance(path, name) })).sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= 2 ? `Did you mean 'caisson ${best.name}'?\n` : '';
}

function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = (row[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change);
    }
    row = next;
  }
  return row[right.length] as number;
}
