/** `created_by` of an image's history as Docker's classic builder writes it, with Go's ways to print values. */
import type { HealthConfig } from '../../images/healthcheck-change.ts';
import type { Instruction } from '../dockerfile/instruction.ts';
import type { RunConfig } from './run-config.ts';
import { contentMark } from './step.ts';

/** An instruction that runs nothing. */
export const nop = (shell: readonly string[], text: string): string => `${shell.join(' ')} #(nop)  ${text}`;

/** One that changes files. */
export const nopFiles = (shell: readonly string[], text: string): string => `${shell.join(' ')} #(nop) ${text}`;

export const copyText = (instruction: string, chown: string, destination: string): string =>
  `${instruction} ${chown === '' ? '' : `--chown=${chown} `}${contentMark} in ${destination} `;

/** BuildKit's text for an instruction that has changed files. */
export const layerSummary = (text: string): string => `${text} # buildkit`;

/** A copy in BuildKit's text: with the flags that say something of the files. */
export function copySummary(instruction: string, flags: Readonly<Record<string, string>>, words: readonly string[]): string {
  const given = Object.entries(flags).flatMap(([name, value]) => (value === '' ? [] : [`--${name}=${value}`]));
  return [instruction, ...given, ...words].join(' ');
}

/** An instruction that runs nothing in BuildKit's text, where it is not the classic builder's. */
export function configSummary({ kind }: Instruction, text: string, { ExposedPorts = {}, Healthcheck }: RunConfig): string {
  switch (kind) {
    case 'expose': return `EXPOSE [${Object.keys(ExposedPorts).sort().join(' ')}]`;
    case 'healthcheck': return Healthcheck ? `HEALTHCHECK ${quotedHealthText(Healthcheck)}` : text;
    default: return text;
  }
}

/** Go's %q of a list. */
export const quotedList = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(' ')}]`;

/** The arguments that a command was run with come before it. */
export function runText(argv: readonly string[], args: readonly string[]): string {
  const prefix = args.length === 0 ? [] : [`|${args.length}`, ...[...args].sort()];
  return [...prefix, ...argv].join(' ');
}

/** Go's %v of a pointer to a HealthConfig. */
export function healthText({ Test, Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 }: HealthConfig): string {
  const durations = [Interval, Timeout, StartPeriod, StartInterval].map(durationText);
  return `&{[${Test.join(' ')}] ${durations.join(' ')} ${Retries}}`;
}

/** Go's %q of it. */
function quotedHealthText({ Test, Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 }: HealthConfig): string {
  const durations = [Interval, Timeout, StartPeriod, StartInterval].map((duration) => `"${durationText(duration)}"`);
  return `&{${quotedList(Test)} ${durations.join(' ')} ${quotedRune(Retries)}}`;
}

const namedRunes = new Map([[7, '\\a'], [8, '\\b'], [9, '\\t'], [10, '\\n'], [11, '\\v'], [12, '\\f'], [13, '\\r'], [0x27, "\\'"], [0x5c, '\\\\']]);

/** Go's %q of a number: the character that it stands for. */
export function quotedRune(code: number): string {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return "'\ufffd'";
  const text = String.fromCodePoint(code);
  const isShown = code >= 0x20 && code !== 0x7f && (code < 0x7f || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(text));
  return `'${namedRunes.get(code) ?? (isShown ? text : escapedRune(code))}'`;
}

function escapedRune(code: number): string {
  const [letter, digits] = code < 0x80 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(digits, '0')}`;
}

/** Go's Duration.String, of nanoseconds. */
function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9);
  const seconds = `${(nanoseconds % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
