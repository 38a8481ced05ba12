/** Signals by name and number, as Docker takes them (signal(7); the numbers of x86, arm and riscv). */
import { invalidParameter } from '../errors.ts';

const numbers: Readonly<Record<string, number>> = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14,
  TERM: 15, STKFLT: 16, CHLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22, URG: 23, XCPU: 24, XFSZ: 25, VTALRM: 26,
  PROF: 27, WINCH: 28, IO: 29, PWR: 30, SYS: 31,
};
/** Second names of the same numbers. */
const aliases: Readonly<Record<string, number>> = { IOT: 6, CLD: 17, POLL: 29 };

/** First and last real-time signal as programs see them: the C library keeps 32 and 33. */
const realTimeFirst = 34;
const realTimeLast = 64;

const byName = new Map(Object.entries({ ...numbers, ...aliases }));
for (let signal = realTimeFirst; signal < realTimeFirst + 16; signal++) byName.set(realTimeName(signal), signal);
for (let signal = realTimeLast - 14; signal <= realTimeLast; signal++) byName.set(realTimeName(signal), signal);
const byNumber = new Map(Object.entries(numbers).map(([name, number]) => [number, `SIG${name}`]));

function realTimeName(signal: number): string {
  if (signal === realTimeFirst) return 'RTMIN';
  if (signal === realTimeLast) return 'RTMAX';
  return signal < realTimeFirst + 16 ? `RTMIN+${signal - realTimeFirst}` : `RTMAX-${realTimeLast - signal}`;
}

/** Signals that code sends. */
export const signal = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15, SIGCHLD: 17, SIGCONT: 18, SIGSTOP: 19, SIGWINCH: 28,
} as const;

/**
 * Number of a signal given as Docker accepts it: `SIGTERM`, `term`, `SIGRTMIN+3`, `15`. Throws invalid-parameter with
 * Docker's sentences.
 */
export function parseSignal(text: string): number {
  if (/^[+-]?\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0) throw invalidParameter(`invalid signal: ${text}`);
    if (number < 1 || number > realTimeLast) throw invalidParameter(`the linux daemon does not support signal ${number}`);
    return number;
  }
  const number = byName.get(text.toUpperCase().replace(/^SIG/, ''));
  if (number === undefined) throw invalidParameter(`invalid signal: ${text}`);
  return number;
}

/** Name of a signal number: `SIGTERM`, `SIGRTMIN+3`; its decimal digits when it has no name. */
export function signalName(number: number): string {
  const name = byNumber.get(number);
  if (name !== undefined) return name;
  return number >= realTimeFirst && number <= realTimeLast ? `SIG${realTimeName(number)}` : `${number}`;
}
