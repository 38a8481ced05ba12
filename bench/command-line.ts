import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { timed } from './statistics.ts';

const run = promisify(execFile);

/** A command line as a user types it, from its start to its end: milliseconds of each round. Throws when it fails. */
export async function commandLine(argv: readonly string[], env: Readonly<Record<string, string>>, rounds: number): Promise<number[]> {
  const [command, ...args] = argv;
  return timed(rounds, async () => {
    await run(command as string, args, { env: { ...process.env, ...env } });
  });
}
