/**
 * From the records of a json-file log to what a client gets. Records as shims write them are taken apart byte by byte, without an
 * object or a string for each; any others that are JSON (another engine's, older ones) by `JSON.parse`.
 */
import { frameHeader } from './stream-session.ts';
import { parseTime, timeText } from './timestamps.ts';

export interface RecordSelection {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Nanoseconds since the epoch, both inclusive. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly timestamps: boolean;
  /** The attributes of each record (`labels`, `env`, `tag`) before its text. */
  readonly details: boolean;
  /** Text alone; otherwise each is a frame. */
  readonly tty: boolean;
}

interface LogRecord {
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly attrs: Readonly<Record<string, string>>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const opening = bytes('{"log":"');
const streamKey = bytes(',"stream":"std');
const timeKey = bytes(',"time":"');
const closing = bytes('"}\n');
/** `2026-01-02T03:04:05.000000006Z` */
const timeLength = 30;
const headerLength = 8;
const [newline, quote, backslash, letterU] = [0x0a, 0x22, 0x5c, 0x75];

/** What `\n` and its like stand for, by the letter; 0 for letters that mean nothing there. */
const escapes = new Uint8Array(128);
for (const [letter, byte] of Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, '"': quote, '\\': backslash, '/': 0x2f })) {
  escapes[letter.charCodeAt(0)] = byte;
}

export class RecordReader {
  readonly #selection: RecordSelection;
  readonly #since: Uint8Array | undefined;
  readonly #until: Uint8Array | undefined;
  /** True once a record after `until` has been seen. */
  past = false;
  #in: Uint8Array = new Uint8Array();
  #out: Uint8Array = new Uint8Array();
  /** How far `#in` has been read, and `#out` written. */
  #at = 0;
  #end = 0;
  #textEnd = 0;

  constructor(selection: RecordSelection) {
    this.#selection = selection;
    this.#since = selection.since === undefined ? undefined : bytes(timeText(selection.since));
    this.#until = selection.until === undefined ? undefined : bytes(timeText(selection.until));
  }

  /** What is to be sent of these whole lines, in pieces. */
  read(lines: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    this.#in = lines;
    // A frame is never longer than the record that it was, as these are written.
    this.#out = Buffer.allocUnsafe(lines.length);
    this.#at = this.#end = 0;
    let taken = 0;
    while (this.#at < lines.length) {
      const start = this.#at;
      if (!this.#selection.details && this.#record()) continue;
      const eol = lines.indexOf(newline, start);
      this.#at = eol < 0 ? lines.length : eol + 1;
      const foreign = this.#foreign(Buffer.from(lines.buffer, lines.byteOffset + start, this.#at - start).toString());
      if (foreign === undefined) continue;
      if (this.#end > taken) pieces.push(this.#out.subarray(taken, this.#end));
      pieces.push(foreign);
      taken = this.#end;
    }
    if (this.#end > taken) pieces.push(this.#out.subarray(taken, this.#end));
    return pieces;
  }

  /** Takes the record at `#at` if it is one as shims write them; false, and nothing done, for another. */
  #record(): boolean {
    const { timestamps, tty, stdout, stderr } = this.#selection;
    if (!this.#matches(opening, this.#at)) return false;
    const begin = this.#end + (tty ? 0 : headerLength);
    const textAt = begin + (timestamps ? timeLength + 1 : 0);
    const next = this.#text(this.#at + opening.length, textAt);
    const textEnd = this.#textEnd;
    if (next < 0 || !this.#matches(streamKey, next)) return false;
    const isError = this.#in[next + streamKey.length] === 0x65;
    const time = this.#timeAt(next + streamKey.length + 4);
    if (time < 0) return false;
    this.#at = time + timeLength + closing.length;
    if (!(isError ? stderr : stdout) || !this.#isWithin(time)) return true;
    if (timestamps) {
      this.#out.set(this.#in.subarray(time, time + timeLength), begin);
      this.#out[textAt - 1] = 0x20;
    }
    if (!tty) this.#header(isError, textEnd - begin);
    this.#end = textEnd;
    return true;
  }

  #matches(expected: Uint8Array, at: number): boolean {
    const input = this.#in;
    for (let index = 0; index < expected.length; index++) if (input[at + index] !== expected[index]) return false;
    return true;
  }

  /** Copies a JSON string's content to `#out`, up to `#textEnd`; returns what follows its quote, or -1 for what only JSON.parse can read. */
  #text(from: number, to: number): number {
    const input = this.#in;
    const output = this.#out;
    let at = from;
    let end = to;
    for (;;) {
      const byte = input[at++];
      if (byte === undefined || byte === newline) return -1;
      if (byte === quote) {
        this.#textEnd = end;
        return at;
      }
      if (byte !== backslash) output[end++] = byte;
      else {
        const letter = input[at++] as number;
        if (letter === letterU) {
          const code = Number.parseInt(Buffer.from(input.buffer, input.byteOffset + at, 4).toString('latin1'), 16);
          if (!(code < 0xd800 || code > 0xdfff)) return -1;
          at += 4;
          end += encodeUtf8(output, end, code);
        } else {
          const plain = escapes[letter] ?? 0;
          if (plain === 0) return -1;
          output[end++] = plain;
        }
      }
    }
  }

  /** Where the time of the record begins, past attributes that nobody asked for; -1 when it is written otherwise. */
  #timeAt(from: number): number {
    let at = from;
    if (!this.#matches(timeKey, at)) {
      const eol = this.#in.indexOf(newline, at);
      at = eol + 1 - closing.length - timeLength - timeKey.length;
      if (at < from || !this.#matches(timeKey, at)) return -1;
    }
    const time = at + timeKey.length;
    return this.#in[time + timeLength - 1] === 0x5a && this.#matches(closing, time + timeLength) ? time : -1;
  }

  #isWithin(time: number): boolean {
    if (this.#since !== undefined && this.#compare(time, this.#since) < 0) return false;
    if (this.#until === undefined || this.#compare(time, this.#until) <= 0) return true;
    this.past = true;
    return false;
  }

  /** Times of one form sort as text. */
  #compare(time: number, bound: Uint8Array): number {
    for (let index = 0; index < timeLength; index++) {
      const difference = (this.#in[time + index] as number) - (bound[index] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #header(isError: boolean, length: number): void {
    const out = this.#out;
    const at = this.#end;
    out[at] = isError ? 2 : 1;
    out[at + 1] = out[at + 2] = out[at + 3] = 0;
    out[at + 4] = length >>> 24;
    out[at + 5] = length >>> 16;
    out[at + 6] = length >>> 8;
    out[at + 7] = length;
  }

  #foreign(text: string): Uint8Array | undefined {
    const { timestamps, details, tty, since, until } = this.#selection;
    const record = parseRecord(text);
    if (record === undefined || !this.#selection[record.stream]) return undefined;
    const time = parseTime(record.time) ?? 0n;
    if (until !== undefined && time > until) this.past = true;
    if ((since !== undefined && time < since) || (until !== undefined && time > until)) return undefined;
    const prefix = (timestamps ? `${timeText(time)} ` : '') + (details ? `${detailsText(record.attrs)} ` : '');
    const payload = Buffer.from(prefix + record.log);
    return tty ? payload : Buffer.concat([frameHeader(record.stream, payload.length), payload]);
  }
}

function encodeUtf8(out: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    out[at] = code;
    return 1;
  }
  if (code < 0x800) {
    out[at] = 0xc0 | (code >> 6);
    out[at + 1] = 0x80 | (code & 0x3f);
    return 2;
  }
  out[at] = 0xe0 | (code >> 12);
  out[at + 1] = 0x80 | ((code >> 6) & 0x3f);
  out[at + 2] = 0x80 | (code & 0x3f);
  return 3;
}

/** Undefined for what is no record. What a crash of the host left before one on its line is passed over: a record's own text cannot look like its beginning. */
function parseRecord(text: string): LogRecord | undefined {
  try {
    const { log = '', stream, time = '', attrs = {} } = JSON.parse(text.slice(Math.max(0, text.lastIndexOf('{"log":')))) as Partial<LogRecord>;
    return { log, stream: stream === 'stderr' ? 'stderr' : 'stdout', time, attrs };
  } catch {
    return undefined;
  }
}

/** `a=1,b=2`, sorted, as Docker's `--details` shows them. */
function detailsText(attrs: Readonly<Record<string, string>>): string {
  const escape = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${escape(key)}=${escape(value)}`).join(',');
}
