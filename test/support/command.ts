/** Runs a command to its end and keeps what it said. */
import { spawn } from 'node:child_process';
import { COMMAND_PATIENCE } from './patience.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Bytes for standard input, which is closed after them; without it standard input is /dev/null. */
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `latin1` keeps every byte as it was. */
  readonly encoding?: 'utf8' | 'latin1';
}

/** The exit code is 128+n when a signal ended the command. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const [command, ...args] = argv;
  const { stdin, env, cwd, encoding = 'utf8' } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command as string, args, {
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      cwd,
      timeout: COMMAND_PATIENCE,
      killSignal: 'SIGKILL',
    });
    const pieces: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
    child.stdout?.on('data', (chunk: Buffer) => pieces.stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => pieces.stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const text = (name: 'stdout' | 'stderr') => Buffer.concat(pieces[name]).toString(encoding);
      if (signal === 'SIGKILL') reject(new Error(`${argv.join(' ')}: killed, perhaps after ${COMMAND_PATIENCE} ms; it said: ${text('stdout')}${text('stderr')}`));
      else resolve({ code: code ?? 128, stdout: text('stdout'), stderr: text('stderr') });
    });
    // A command may end without reading its input; its exit code tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}
