/** Our standard streams joined to a container's, until one side is done. */
import { demultiplex } from '../../engine/demultiplex.ts';
import { DetachScanner, parseDetachKeys } from './detach-keys.ts';
import { readDescriptor } from './input.ts';
import { isTerminal, writeAll } from './output.ts';
import type { RawStream } from '../http/client.ts';

export interface SessionOptions {
  /** The container has a terminal: bytes come unframed, and keys are watched for the detach sequence. */
  readonly tty: boolean;
  readonly stdin: boolean;
  /** stdout or stderr is attached; without it the session ends with our input. */
  readonly output: boolean;
  /** Empty: `ctrl-p,ctrl-q`. */
  readonly detachKeys: string;
}

export type SessionEnd = 'ended' | 'detached';

/** Copies both ways. Raw mode is entered here when both ends are terminals, and left before it returns. */
export async function joinStreams(stream: RawStream, options: SessionOptions): Promise<SessionEnd> {
  const terminal = options.tty && options.stdin && isTerminal(0) ? await import('./terminal.ts') : undefined;
  terminal?.enterRawMode();
  try {
    const output = copyOutput(stream, options.tty).then((): SessionEnd => 'ended');
    if (!options.stdin) return await output;
    const input = copyInput(stream, options);
    if (!options.output) return await input;
    // The end of our input is not the end of the session: the program may still have something to say.
    const detached = input.then((end) => (end === 'detached' ? end : output));
    return await Promise.race([output, detached]);
  } finally {
    terminal?.leaveRawMode();
  }
}

async function copyOutput(stream: RawStream, tty: boolean): Promise<void> {
  if (!tty) return demultiplex(stream.output(), (descriptor, payload) => writeAll(descriptor, payload));
  for await (const chunk of stream.output()) await writeAll(1, chunk);
}

async function copyInput(stream: RawStream, options: SessionOptions): Promise<SessionEnd> {
  const scanner = options.tty ? new DetachScanner(parseDetachKeys(options.detachKeys || 'ctrl-p,ctrl-q')) : undefined;
  for await (const chunk of readDescriptor(0)) {
    if (scanner === undefined) {
      await stream.write(chunk);
      continue;
    }
    const { pass, detached } = scanner.scan(chunk);
    if (pass.length > 0) await stream.write(pass);
    if (detached) {
      stream.destroy();
      return 'detached';
    }
  }
  stream.end();
  return 'ended';
}
