/** The entry of the one executable: finds the command, loads it alone, runs it, and exits with its code. */
import { Context, DEFAULT_HOST, describeError } from './context.ts';
import type { Command } from './command.ts';
import { ExitError, FlagError } from './errors.ts';
import { parseFlags, type ParsedLine } from './flags/parse.ts';
import { printError } from './io/output.ts';
import { COMMANDS, type Entry, GROUPS } from './registry.ts';

/** Options that stand before the command's name. */
interface GlobalOptions {
  readonly host: string;
  readonly rest: readonly string[];
  readonly request: 'command' | 'help' | 'version';
}

function globalOptions(argv: readonly string[]): GlobalOptions {
  let host = process.env['CAISSON_HOST'] || DEFAULT_HOST;
  let request: GlobalOptions['request'] = 'command';
  let index = 0;
  for (; index < argv.length; index++) {
    const word = argv[index] as string;
    const joined = /^(?:--host=|-H=?)(.+)$/.exec(word);
    if (joined !== null) host = joined[1] as string;
    else if (word === '-H' || word === '--host') {
      index++;
      if (argv[index] === undefined) throw new ExitError(125, `flag needs an argument: ${word === '-H' ? "'H' in -H" : '--host'}`);
      host = argv[index] as string;
    } else if (word === '--help' || word === '-h') request = 'help';
    else if (word === '--version' || word === '-v') request = 'version';
    else if (word.startsWith('-')) throw new ExitError(125, `unknown flag: ${word}\n\nRun 'caisson --help' for more information`);
    else break;
  }
  return { host, rest: argv.slice(index), request };
}

/** A command found on the command line: its full name, its entry, and what follows. */
interface Found {
  readonly path: string;
  readonly entry: Entry;
  readonly rest: readonly string[];
}

/** Finds `run …` or `container run …`; a group alone, or an unknown word, is not a command. */
function findCommand(words: readonly string[]): Found | undefined {
  const [name = '', second = '', ...rest] = words;
  if (Object.hasOwn(COMMANDS, name)) return { path: name, entry: COMMANDS[name] as Entry, rest: words.slice(1) };
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group === undefined) return undefined;
  const found = Object.entries(group.commands).find(([key, entry]) => key === second || entry.aliases?.includes(second));
  return found === undefined ? undefined : { path: `${name} ${found[0]}`, entry: found[1], rest };
}

async function main(argv: readonly string[]): Promise<number> {
  const options = globalOptions(argv);
  if (options.request === 'version') return (await import('./commands/version.ts')).printOwnVersion();
  const found = options.request === 'help' ? undefined : findCommand(options.rest);
  if (found === undefined) return (await import('./help.ts')).helpCommand(options.rest, options.request === 'help');
  const { command } = await found.entry.load();
  const line = parseLine(command, found);
  if (line instanceof ExitError || line.help) return (await import('./help.ts')).explain(found.path, command, line);
  return command.run(new Context(options.host), line.flags, line.args, found.path);
}

/** Parses the words after the command's name; a line that does not fit comes back as the error to report. */
function parseLine(command: Command, { path, rest }: Found): ParsedLine | ExitError {
  try {
    const line = parseFlags(command.flags, rest, command.interspersed ?? true);
    const { length } = line.args;
    if (!line.help && (length < command.least || length > (command.most ?? Infinity))) {
      return new ExitError(1, `caisson: 'caisson ${path}' ${expectation(command)}`);
    }
    return line;
  } catch (error) {
    if (error instanceof FlagError) return new ExitError(125, error.message);
    throw error;
  }
}

const count = (number: number) => `${number} argument${number === 1 ? '' : 's'}`;

function expectation({ least, most }: Command): string {
  if (most === 0) return 'accepts no arguments';
  if (most === least) return `requires ${count(least)}`;
  return most === undefined ? `requires at least ${count(least)}` : `requires at least ${least} and at most ${count(most)}`;
}

/** The last resort for errors; a stack trace is for those who ask with CAISSON_DEBUG. */
function fail(error: unknown): never {
  if (error instanceof ExitError) {
    if (error.message !== '') printError(error.message);
    process.exit(error.code);
  }
  printError(`caisson: ${describeError(error)}`);
  if (process.env['CAISSON_DEBUG'] && error instanceof Error) printError(error.stack ?? '');
  process.exit(1);
}

process.on('uncaughtException', fail);
try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  fail(error);
}
