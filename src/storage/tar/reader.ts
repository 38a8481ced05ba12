/**
 * A streaming tar reader. It parses synchronously what it was fed and never copies file data; the caller decides when
 * to yield to the event loop:
 *
 *     for await (const chunk of tar) {
 *       reader.feed(chunk);
 *       for (let event = reader.next(); event; event = reader.next()) …
 *     }
 *     reader.finish();
 */
import { blockSize, type Fragment, paddingOf, type TarEntry } from './entry.ts';
import { entryType, invalidTar, parseHeader, parseSparseExtension, type RawHeader, typeFlags } from './header.ts';
import {
  checkFragments,
  decimal,
  hasSparseMapInData,
  maxExtendedHeader,
  parsePax,
  parseTime,
  type PaxRecords,
  sparseMap,
  SparseMapParser,
} from './pax.ts';

export type TarEvent =
  | { readonly type: 'entry'; readonly entry: TarEntry }
  /** Data of the last entry, at `offset` in its file. The chunk is part of what was fed: use it before feeding more. */
  | { readonly type: 'data'; readonly chunk: Uint8Array; readonly offset: number }
  /** All data of the last entry was seen. */
  | { readonly type: 'end'; readonly entry: TarEntry };

/** What extended headers said about the next entry. */
interface Pending {
  readonly pax?: PaxRecords;
  readonly longName?: string;
  readonly longLink?: string;
}

type State =
  | { readonly at: 'header'; readonly pending: Pending; readonly zeroBlockSeen: boolean }
  | { readonly at: 'extension'; readonly header: RawHeader; readonly pending: Pending }
  | {
      readonly at: 'sparse-blocks';
      readonly header: RawHeader;
      readonly pending: Pending;
      readonly fragments: Fragment[];
    }
  | {
      readonly at: 'sparse-map';
      readonly header: RawHeader;
      readonly pending: Pending;
      readonly parser: SparseMapParser;
    }
  | {
      readonly at: 'data';
      readonly entry: TarEntry;
      fragment: number;
      within: number;
      left: number;
      readonly stored: number;
    }
  | { readonly at: 'padding'; left: number }
  | { readonly at: 'trailer' };

const nothing: Pending = {};
const start: State = { at: 'header', pending: nothing, zeroBlockSeen: false };

export class TarReader {
  #state: State = start;
  readonly #chunks: Buffer[] = [];
  /** Position in the first chunk. */
  #position = 0;
  #available = 0;
  #begun = false;
  readonly #onMetadata: ((bytes: Uint8Array) => void) | undefined;

  /** `onMetadata` sees, in order, every byte of the archive that is not file data. */
  constructor(onMetadata?: (bytes: Uint8Array) => void) {
    this.#onMetadata = onMetadata;
  }

  feed(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#available += chunk.length;
  }

  /** Keeps a copy of what has not been read yet: the chunks that were fed are the caller's again. */
  detach(): void {
    if (this.#chunks.length === 0) return;
    const left = Buffer.concat([this.#chunks[0]!.subarray(this.#position), ...this.#chunks.slice(1)]);
    this.#chunks.splice(0, this.#chunks.length, left);
    this.#position = 0;
  }

  /** The next event, or undefined when more must be fed first. Throws invalid-parameter for what is not a tar. */
  next(): TarEvent | undefined {
    for (;;) {
      const result = this.#step();
      if (result === 'more') return undefined;
      if (result !== 'again') return result;
    }
  }

  /** To be called at the end of input. Throws invalid-parameter when the archive is truncated. */
  finish(): void {
    const state = this.#state;
    const whole =
      state.at === 'trailer' || state.at === 'padding' || (state.at === 'header' && state.pending === nothing);
    if (!whole || this.#available > 0) throw invalidTar('unexpected EOF');
  }

  #step(): TarEvent | 'more' | 'again' {
    const state = this.#state;
    switch (state.at) {
      case 'header':
        return this.#header(state.pending, state.zeroBlockSeen);
      case 'extension':
        return this.#extension(state.header, state.pending);
      case 'sparse-blocks':
        return this.#sparseBlock(state);
      case 'sparse-map':
        return this.#sparseMap(state);
      case 'data':
        return this.#data(state);
      case 'padding':
        return this.#padding(state);
      case 'trailer':
        return this.#trailer();
    }
  }

  #header(pending: Pending, zeroBlockSeen: boolean): TarEvent | 'more' | 'again' {
    const block = this.#metadata(blockSize);
    if (!block) return 'more';
    const header = this.#parse(block);
    if (!header) {
      if (pending !== nothing) throw invalidTar('unexpected EOF');
      this.#state = zeroBlockSeen ? { at: 'trailer' } : { at: 'header', pending, zeroBlockSeen: true };
      return 'again';
    }
    if (zeroBlockSeen) throw invalidTar('an entry follows the end of the archive');
    const { typeFlag } = header;
    if (
      typeFlag === typeFlags.pax ||
      typeFlag === typeFlags.paxGlobal ||
      typeFlag === typeFlags.longName ||
      typeFlag === typeFlags.longLink
    ) {
      if (header.size > maxExtendedHeader) throw invalidTar('an extended header is larger than 1 MiB');
      this.#state = { at: 'extension', header, pending };
      return 'again';
    }
    if (header.sparse) {
      this.#state = { at: 'sparse-blocks', header, pending, fragments: header.sparse.fragments };
      return header.sparse.extended ? 'again' : this.#entry(header, pending, header.sparse.fragments, header.size);
    }
    if (pending.pax && hasSparseMapInData(pending.pax) && entryType(typeFlag, '') === 'file') {
      this.#state = { at: 'sparse-map', header, pending, parser: new SparseMapParser() };
      return 'again';
    }
    return this.#entry(header, pending, pending.pax && sparseMap(pending.pax), storedSize(header, pending));
  }

  #parse(block: Buffer): RawHeader | undefined {
    if (this.#begun) return parseHeader(block);
    try {
      const header = parseHeader(block);
      this.#begun = true;
      return header;
    } catch (error) {
      throw invalidTar(`the data does not begin with a tar header: ${(error as Error).message}`);
    }
  }

  #extension(header: RawHeader, pending: Pending): 'more' | 'again' {
    const body = this.#metadata(header.size + paddingOf(header.size))?.subarray(0, header.size);
    if (!body) return 'more';
    let next = pending;
    // Global records are passed over, as Docker does: in images they only carry comments.
    if (header.typeFlag === typeFlags.pax) next = { ...pending, pax: parsePax(body) };
    else if (header.typeFlag === typeFlags.longName) next = { ...pending, longName: untilNul(body) };
    else if (header.typeFlag === typeFlags.longLink) next = { ...pending, longLink: untilNul(body) };
    this.#state = { at: 'header', pending: next, zeroBlockSeen: false };
    return 'again';
  }

  #sparseBlock(state: State & { at: 'sparse-blocks' }): TarEvent | 'more' | 'again' {
    const block = this.#metadata(blockSize);
    if (!block) return 'more';
    const { fragments, extended } = parseSparseExtension(block);
    state.fragments.push(...fragments);
    if (state.fragments.length > maxExtendedHeader / 16) throw invalidTar('a sparse map has too many fragments');
    return extended ? 'again' : this.#entry(state.header, state.pending, state.fragments, state.header.size);
  }

  #sparseMap(state: State & { at: 'sparse-map' }): TarEvent | 'more' | 'again' {
    const { header, pending, parser } = state;
    const stored = storedSize(header, pending);
    if (parser.consumed + blockSize > stored) throw invalidTar('a sparse map is malformed');
    const block = this.#metadata(blockSize);
    if (!block) return 'more';
    const fragments = parser.feed(block);
    return fragments ? this.#entry(header, pending, fragments, stored - parser.consumed) : 'again';
  }

  #entry(header: RawHeader, pending: Pending, fragments: readonly Fragment[] | undefined, stored: number): TarEvent {
    const entry = mergeEntry(header, pending, fragments, stored);
    const data = entry.type === 'file' || entry.type === 'unsupported' ? stored : 0;
    if (entry.fragments) checkFragments(entry.fragments, entry.size, data);
    this.#state = { at: 'data', entry, fragment: 0, within: 0, left: data, stored: data };
    return { type: 'entry', entry };
  }

  #data(state: State & { at: 'data' }): TarEvent | 'more' {
    if (state.left === 0) {
      this.#state = { at: 'padding', left: paddingOf(state.stored) };
      return { type: 'end', entry: state.entry };
    }
    const fragments = state.entry.fragments;
    if (!fragments) {
      const offset = state.stored - state.left;
      const chunk = this.#upTo(state.left);
      if (!chunk) return 'more';
      state.left -= chunk.length;
      return { type: 'data', chunk, offset };
    }
    while (fragments[state.fragment]!.length === state.within) {
      state.fragment++;
      state.within = 0;
    }
    const { offset, length } = fragments[state.fragment]!;
    const chunk = this.#upTo(length - state.within);
    if (!chunk) return 'more';
    const event: TarEvent = { type: 'data', chunk, offset: offset + state.within };
    state.within += chunk.length;
    state.left -= chunk.length;
    return event;
  }

  #padding(state: State & { at: 'padding' }): 'more' | 'again' {
    if (state.left > 0) {
      const bytes = this.#upTo(state.left);
      if (!bytes) return 'more';
      this.#onMetadata?.(bytes);
      state.left -= bytes.length;
      return 'again';
    }
    this.#state = start;
    return 'again';
  }

  #trailer(): 'more' | 'again' {
    const bytes = this.#upTo(Infinity);
    if (!bytes) return 'more';
    this.#onMetadata?.(bytes);
    return 'again';
  }

  /** Takes exactly `length` bytes that are not file data, or nothing. */
  #metadata(length: number): Buffer | undefined {
    const bytes = this.#peek(length);
    if (!bytes) return undefined;
    this.#consume(length);
    if (length > 0) this.#onMetadata?.(bytes);
    return bytes;
  }

  #peek(length: number): Buffer | undefined {
    if (this.#available < length) return undefined;
    if (length === 0) return Buffer.alloc(0);
    if (this.#chunks[0]!.length - this.#position < length) {
      const joined = Buffer.concat([this.#chunks[0]!.subarray(this.#position), ...this.#chunks.slice(1)]);
      this.#chunks.splice(0, this.#chunks.length, joined);
      this.#position = 0;
    }
    return this.#chunks[0]!.subarray(this.#position, this.#position + length);
  }

  /** Takes at least one and at most `limit` bytes, or nothing when there are none. */
  #upTo(limit: number): Buffer | undefined {
    const first = this.#chunks[0];
    if (!first) return undefined;
    const bytes = first.subarray(this.#position, Math.min(first.length, this.#position + limit));
    this.#consume(bytes.length);
    return bytes;
  }

  #consume(length: number): void {
    this.#available -= length;
    this.#position += length;
    while (this.#chunks.length > 0 && this.#position >= this.#chunks[0]!.length) {
      this.#position -= this.#chunks.shift()!.length;
    }
  }
}

function storedSize(header: RawHeader, pending: Pending): number {
  const size = pending.pax?.values.get('size');
  return size ? decimal(size) : header.size;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end === -1 ? body.length : end);
}

/** The entry that a header and the extended headers before it describe. */
function mergeEntry(
  header: RawHeader,
  pending: Pending,
  fragments: readonly Fragment[] | undefined,
  stored: number,
): TarEntry {
  const values = pending.pax?.values;
  const value = (key: string) => values?.get(key) || undefined;
  const sparseName = fragments ? value('GNU.sparse.name') : undefined;
  const name = sparseName ?? value('path') ?? pending.longName ?? header.name;
  const realSize = value('GNU.sparse.realsize') ?? value('GNU.sparse.size');
  const size = !fragments ? stored : header.sparse ? header.sparse.realSize : realSize ? decimal(realSize) : stored;
  const type = entryType(header.typeFlag, name);
  const [uid, gid, mtime] = [value('uid'), value('gid'), value('mtime')];
  return {
    name,
    type,
    typeFlag: header.typeFlag,
    mode: header.mode,
    uid: uid ? decimal(uid) : header.uid,
    gid: gid ? decimal(gid) : header.gid,
    size: type === 'file' ? size : 0,
    mtime: mtime ? parseTime(mtime) : { seconds: header.mtime, nanoseconds: 0 },
    linkName: value('linkpath') ?? pending.longLink ?? header.linkName,
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
    xattrs: pending.pax?.xattrs,
    fragments: type === 'file' ? fragments : undefined,
  };
}
