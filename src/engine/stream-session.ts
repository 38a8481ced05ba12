/** Copies between an API client and a stream of a shim until one of them ends. */
import type { Socket } from 'node:net';
import { type Duplex, Transform } from 'node:stream';
import { detachFilter } from './detach-keys.ts';

export interface RelayOptions {
  readonly stdin: boolean;
  /** The detach sequence, recognised on terminals only, as Docker does. */
  readonly detachKeys: Uint8Array | null;
  readonly onDetach: () => void;
  /** The client takes a terminal's output in frames, as there were none. */
  readonly framed?: boolean;
  /** Settles when the end of the process has been recorded. */
  readonly exited: Promise<unknown>;
}

/**
 * Whoever sees the output end asks for the exit code next, so the client's connection ends after that is known. Bounded (milliseconds),
 * because the output also ends for a client that took nothing for too long.
 */
const recordedWithin = 1000;

function recorded(exited: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, recordedWithin); });
  return Promise.race([exited, late]).finally(() => clearTimeout(timer));
}

/**
 * Settles when both directions are done. Half-close of the client's side is the end of stdin, never of the output. Either side may have
 * ended before this is called: an end without data before it is told only once, to whoever listened then.
 */
export function relay(client: Duplex, stream: Socket, options: RelayOptions): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stream.destroy();
      client.end();
      resolve();
    };
    const outputEnded = () => void recorded(options.exited).then(finish);
    stream.on('error', outputEnded);
    stream.on('close', outputEnded);
    stream.on('end', outputEnded);
    client.on('error', finish);
    client.on('close', finish);
    if (stream.readableEnded || stream.destroyed) {
      outputEnded();
      return;
    }
    (options.framed === true ? stream.pipe(framing()) : stream).pipe(client, { end: false });
    if (options.stdin) relayInput(client, stream, options, finish);
    else client.resume();
  });
}

function framing(): Transform {
  return new Transform({
    transform: (chunk: Buffer, _, done) => done(null, Buffer.concat([frameHeader('stdout', chunk.length), chunk])),
  });
}

function relayInput(client: Duplex, stream: Socket, { detachKeys, onDetach }: RelayOptions, finish: () => void): void {
  if (client.readableEnded) stream.end();
  else if (detachKeys === null) client.pipe(stream);
  else {
    client.pipe(detachFilter(detachKeys, () => {
      onDetach();
      finish();
    })).pipe(stream);
  }
}

/** The eight bytes before a payload when there is no terminal: stream, three zeros, length (big-endian). */
export function frameHeader(stream: 'stdout' | 'stderr', length: number): Uint8Array {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(length, 4);
  return header;
}
