import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { timed } from './statistics.ts';

const run = promisify(execFile);

/**
 * A command line as a user types it, from its start to its end: milliseconds of each round. Throws when it fails. A function
 * makes another one for each round.
 */
export async function commandLine(
  argv: readonly string[] | ((round: number) => readonly string[]), env: Readonly<Record<string, string>>, rounds: number,
): Promise<number[]> {
  let round = 0;
  return timed(rounds, async () => {
    const [command, ...args] = typeof argv === 'function' ? argv(round++) : argv;
    await run(command as string, args, { env: { ...process.env, ...env } });
  });
}
