/**
 * Takes a request's body out of the bytes that follow its head: by length, or chunk by chunk (RFC 9112 section 7.1).
 */
import { HttpError } from './http-error.ts';
import type { BodyFraming } from './head.ts';

/** A size line with its extensions, and all trailer fields, each. */
const maxLineBytes = 4096;

type ChunkState =
  | { kind: 'size' }
  | { kind: 'data'; left: number }
  | { kind: 'data-end' }
  | { kind: 'trailer'; bytes: number };

export interface BodyDecoder {
  readonly done: boolean;
  /** Bytes still to come; undefined when the client has not said. */
  readonly remaining: number | undefined;
  /**
   * Hands the body's bytes in `input` to `emit` and returns how many bytes of `input` it took; the rest belongs to the
   * next request.
   * @throws HttpError 400 on a malformed chunk
   */
  decode(input: Buffer, emit: (data: Buffer) => void): number;
}

/** A decoder for the framing a head announced. */
export function bodyDecoder(framing: BodyFraming): BodyDecoder {
  if (framing.kind === 'chunked') return new ChunkedDecoder();
  return new LengthDecoder(framing.kind === 'none' ? 0 : framing.bytes);
}

class LengthDecoder implements BodyDecoder {
  remaining: number;

  constructor(bytes: number) {
    this.remaining = bytes;
  }

  get done(): boolean {
    return this.remaining === 0;
  }

  decode(input: Buffer, emit: (data: Buffer) => void): number {
    const taken = Math.min(this.remaining, input.length);
    if (taken === 0) return 0;
    this.remaining -= taken;
    emit(taken === input.length ? input : input.subarray(0, taken));
    return taken;
  }
}

class ChunkedDecoder implements BodyDecoder {
  readonly remaining = undefined;
  done = false;
  #state: ChunkState = { kind: 'size' };
  /** The beginning of a line whose end has not come. */
  #begun = '';

  decode(input: Buffer, emit: (data: Buffer) => void): number {
    let at = 0;
    while (!this.done) {
      const next = this.#state.kind === 'data' ? this.#data(this.#state, input, at, emit) : this.#line(input, at);
      if (next === at) break;
      at = next;
    }
    return at;
  }

  #data(state: { left: number }, input: Buffer, at: number, emit: (data: Buffer) => void): number {
    const taken = Math.min(state.left, input.length - at);
    if (taken === 0) return at;
    emit(input.subarray(at, at + taken));
    state.left -= taken;
    if (state.left === 0) this.#state = { kind: 'data-end' };
    return at + taken;
  }

  /** Consumes one line, or the beginning of one: a size, the end of a chunk's data, or a trailer field. */
  #line(input: Buffer, at: number): number {
    // Looked for by its second byte: the first may have been the last one of the input before.
    const end = input.indexOf(10, at);
    const next = end === -1 ? input.length : end + 1;
    if (this.#begun.length + next - at > maxLineBytes) throw new HttpError(400, 'malformed chunked encoding: line too long');
    const line = this.#begun + input.toString('latin1', at, next);
    const isWhole = line.endsWith('\r\n');
    this.#begun = isWhole ? '' : line;
    if (isWhole) this.#onLine(line.slice(0, -2));
    return next;
  }

  #onLine(line: string): void {
    switch (this.#state.kind) {
      case 'size': {
        const size = /^([0-9a-fA-F]{1,13})[ \t]*(;.*)?$/.exec(line)?.[1];
        if (size === undefined) throw new HttpError(400, 'malformed chunked encoding: invalid chunk size');
        const left = Number.parseInt(size, 16);
        this.#state = left === 0 ? { kind: 'trailer', bytes: 0 } : { kind: 'data', left };
        return;
      }
      case 'data-end':
        if (line !== '') throw new HttpError(400, 'malformed chunked encoding: chunk is longer than its size');
        this.#state = { kind: 'size' };
        return;
      case 'trailer':
        this.#state.bytes += line.length;
        if (this.#state.bytes > maxLineBytes) throw new HttpError(400, 'malformed chunked encoding: trailer too long');
        this.done = line === '';
        return;
      case 'data':
        return;
    }
  }
}
