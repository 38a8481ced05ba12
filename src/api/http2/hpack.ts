/** Headers, compressed (RFC 7541). Ours are sent without a table: they are few and short. */
import { decodeHuffman } from './huffman.ts';
import { errorCode, Http2Error } from './http2-error.ts';

/** In their order; names are lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Sizes as the RFC counts them: bytes and 32 for each entry. */
const maxTableSize = 4096;
export const maxHeaderListSize = 64 * 1024;
const sizeOf = (name: string, value: string): number => name.length + value.length + 32;

const staticTable: HeaderList = (':authority,:method=GET,:method=POST,:path=/,:path=/index.html,:scheme=http,:scheme=https,:status=200,:status=204,:status=206,:status=304,'
  + ':status=400,:status=404,:status=500,accept-charset,accept-encoding=gzip; deflate,accept-language,accept-ranges,accept,access-control-allow-origin,age,allow,'
  + 'authorization,cache-control,content-disposition,content-encoding,content-language,content-length,content-location,content-range,content-type,cookie,date,etag,'
  + 'expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range,if-unmodified-since,last-modified,link,location,max-forwards,proxy-authenticate,'
  + 'proxy-authorization,range,referer,refresh,retry-after,server,set-cookie,strict-transport-security,transfer-encoding,user-agent,vary,via,www-authenticate')
  .split(',').map((entry) => {
    const equals = entry.indexOf('=');
    return equals === -1 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1).replace(';', ',')];
  });

export class HeaderDecoder {
  /** The youngest first. */
  readonly #table: (readonly [string, string])[] = [];
  #tableSize = 0;
  #tableLimit = maxTableSize;

  /** All of a block. Throws Http2Error: what follows on the connection could not be understood. */
  decode(block: Buffer): HeaderList {
    const headers: (readonly [string, string])[] = [];
    const cursor = new Cursor(block);
    let size = 0;
    while (!cursor.atEnd) {
      const first = cursor.peek();
      if ((first & 0xe0) === 0x20) {
        this.#resize(cursor.integer(5));
        continue;
      }
      const header = this.#header(cursor, first);
      size += sizeOf(...header);
      if (size > maxHeaderListSize) throw new Http2Error(errorCode.enhanceYourCalm, 'the headers are too large');
      headers.push(header);
    }
    return headers;
  }

  #header(cursor: Cursor, first: number): readonly [string, string] {
    if ((first & 0x80) !== 0) return this.#entry(cursor.integer(7));
    const isKept = (first & 0x40) !== 0;
    const index = cursor.integer(isKept ? 6 : 4);
    const header = [index === 0 ? cursor.string() : this.#entry(index)[0], cursor.string()] as const;
    if (isKept) this.#keep(header);
    return header;
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.#table[index - 1 - staticTable.length];
    if (entry === undefined) throw new Http2Error(errorCode.compression, `no header with the index ${index}`);
    return entry;
  }

  #keep(header: readonly [string, string]): void {
    this.#table.unshift(header);
    this.#tableSize += sizeOf(...header);
    this.#evict();
  }

  #resize(limit: number): void {
    if (limit > maxTableSize) throw new Http2Error(errorCode.compression, 'a table larger than allowed');
    this.#tableLimit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableSize > this.#tableLimit) this.#tableSize -= sizeOf(...this.#table.pop()!);
  }
}

/** Without a table, and without Huffman's code. */
export function encodeHeaders(headers: HeaderList): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => {
    const index = staticTable.findIndex((entry) => entry[0] === name);
    const head = index === -1 ? [encodeInteger(0, 4, 0), ...encodeString(name)] : [encodeInteger(0, 4, index + 1)];
    return [...head, ...encodeString(value)];
  }));
}

function encodeString(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return [encodeInteger(0, 7, bytes.length), bytes];
}

/** `flags` are the bits before the prefix. */
function encodeInteger(flags: number, prefix: number, value: number): Buffer {
  const most = 2 ** prefix - 1;
  if (value < most) return Buffer.of(flags | value);
  const bytes = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

class Cursor {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at]!;
  }

  integer(prefix: number): number {
    const most = 2 ** prefix - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Http2Error(errorCode.compression, 'an integer without end');
  }

  string(): string {
    const isCoded = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    if (length > this.#block.length - this.#at) throw new Http2Error(errorCode.compression, 'a string longer than its block');
    const bytes = this.#block.subarray(this.#at, (this.#at += length));
    return isCoded ? decodeHuffman(bytes) : bytes.toString('latin1');
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new Http2Error(errorCode.compression, 'a header block that is cut off');
    return byte;
  }
}
