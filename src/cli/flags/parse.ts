/**
 * The command line parser, with the semantics of spf13/pflag that Docker's users know: `-it`, `-p8080:80`, `-p=8080:80`,
 * `--flag value`, `--flag=value`, `--rm=false`, `--`, and, for commands that run programs, options end at the first operand.
 */
import { FlagError } from '../errors.ts';
import { parseBytes, parseCpus, parseDuration } from '../format/quantity.ts';
import type { FlagSpec } from './spec.ts';
import { Flags, type FlagValue } from './values.ts';

export interface ParsedLine {
  readonly flags: Flags;
  readonly args: readonly string[];
  /** True when `--help` (or `-h`, where a command does not use it) was given: nothing else matters then. */
  readonly help: boolean;
}

/** `interspersed`: options may follow operands. Throws FlagError with pflag's texts. */
export function parseFlags(specs: readonly FlagSpec[], argv: readonly string[], interspersed: boolean): ParsedLine {
  const parser = new Parser(specs);
  const args: string[] = [];
  for (let index = 0; index < argv.length && !parser.help; ) {
    const word = argv[index] as string;
    if (word === '--') {
      args.push(...argv.slice(index + 1));
      break;
    }
    if (word.length > 1 && word.startsWith('-')) {
      index += word.startsWith('--') ? parser.long(word, argv[index + 1]) : parser.cluster(word, argv[index + 1]);
      continue;
    }
    if (!interspersed) {
      args.push(...argv.slice(index));
      break;
    }
    args.push(word);
    index++;
  }
  return { flags: new Flags(parser.byName, parser.values), args, help: parser.help };
}

class Parser {
  readonly byName = new Map<string, FlagSpec>();
  readonly values = new Map<string, FlagValue>();
  help = false;
  readonly #byShort = new Map<string, FlagSpec>();

  constructor(specs: readonly FlagSpec[]) {
    for (const spec of specs) {
      this.byName.set(spec.name, spec);
      if (spec.short !== undefined) this.#byShort.set(spec.short, spec);
    }
  }

  /** Takes `--name`, `--name=value` or `--name value`; returns how many words were used. */
  long(word: string, next: string | undefined): number {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    if (name === '' || name.startsWith('-')) throw new FlagError(`bad flag syntax: ${word}`);
    const spec = this.byName.get(name);
    if (spec === undefined) {
      if (name !== 'help') throw new FlagError(`unknown flag: --${name}`);
      this.help = true;
      return 1;
    }
    if (equals >= 0) return this.#set(spec, word.slice(equals + 1)), 1;
    if (spec.kind === 'bool') return this.#set(spec, 'true'), 1;
    if (next === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    return this.#set(spec, next), 2;
  }

  /** Takes `-it`, `-p8080:80`, `-p=80`, `-p 80`; returns how many words were used. */
  cluster(word: string, next: string | undefined): number {
    for (let index = 1; index < word.length; index++) {
      const letter = word[index] as string;
      const rest = word.slice(index + 1);
      const spec = this.#byShort.get(letter);
      if (spec === undefined) {
        if (letter !== 'h') throw new FlagError(`unknown shorthand flag: '${letter}' in -${word.slice(index)}`);
        this.help = true;
        return 1;
      }
      if (rest.startsWith('=') && rest.length > 1) return this.#set(spec, rest.slice(1)), 1;
      if (spec.kind === 'bool') {
        this.#set(spec, 'true');
        continue;
      }
      if (rest !== '') return this.#set(spec, rest), 1;
      if (next === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${word.slice(index)}`);
      return this.#set(spec, next), 2;
    }
    return 1;
  }

  #set(given: FlagSpec, text: string): void {
    const spec = given.aliasOf === undefined ? given : (this.byName.get(given.aliasOf) ?? given);
    if (spec.kind === 'list') {
      const list = (this.values.get(spec.name) ?? []) as readonly string[];
      this.values.set(spec.name, [...list, text]);
      return;
    }
    try {
      this.values.set(spec.name, readValue(spec, text));
    } catch (error) {
      const shown = given.short === undefined ? `--${given.name}` : `-${given.short}, --${given.name}`;
      throw new FlagError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${(error as Error).message}`);
    }
  }
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function readValue(spec: FlagSpec, text: string): FlagValue {
  switch (spec.kind) {
    case 'bool':
      if (TRUE.has(text)) return true;
      if (FALSE.has(text)) return false;
      throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
    case 'int':
      return readInteger(text, 'ParseInt', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    case 'uint16':
      return readInteger(text, 'ParseUint', 0, 65535);
    case 'bytes':
      // Docker's --memory-swap takes -1 for "no limit"; no other size may be negative.
      return text === '-1' && spec.name === 'memory-swap' ? -1 : parseBytes(text);
    case 'cpus':
      return parseCpus(text);
    case 'duration':
      return parseDuration(text);
    default:
      return text;
  }
}

function readInteger(text: string, parser: string, least: number, most: number): number {
  const fail = (why: string) => new Error(`strconv.${parser}: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text)) throw fail('invalid syntax');
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  // A leading 0 means octal, as strconv reads with base 0.
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits) * (negative ? -1 : 1);
  if (Number.isNaN(value)) throw fail('invalid syntax');
  if (value < least || value > most) throw fail('value out of range');
  return value;
}
