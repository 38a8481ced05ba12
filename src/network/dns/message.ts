/** DNS messages (RFC 1035): what a client asked, and what it is told. */
import { decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED, type Question } from 'dns-packet';
import { addressBytes } from '../address-bytes.ts';

/** Results, by their RCODE. */
export const resultCode = { noError: 0, formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5 } as const;
export type ResultCode = keyof typeof resultCode;

export interface Query {
  readonly id: number;
  readonly question: Question;
  /** The message, whole. */
  readonly data: Buffer;
  /** Bytes of an answer over UDP that the client takes (RFC 6891). */
  readonly udpSize: number;
}

export const headerSize = 12;
const responseBit = 0x8000;
const opcodeMask = 0x7800;
const minimalUdpSize = 512;

/** The query in a message; or the result that says what is wrong with it, or `ignored` for what nobody waits for an answer to. */
export function readQuery(data: Buffer): Query | Exclude<ResultCode, 'noError'> | 'ignored' {
  if (data.length < headerSize) return 'ignored';
  const flags = data.readUInt16BE(2);
  if ((flags & responseBit) !== 0) return 'ignored';
  if ((flags & opcodeMask) !== 0) return 'notImplemented';
  const question = readQuestion(data);
  if (question === undefined) return 'formatError';
  return { id: data.readUInt16BE(0), question, data, udpSize: udpSizeOf(data) };
}

/** The only question of a message; undefined when it has not one, or it cannot be read. */
export function readQuestion(data: Buffer): Question | undefined {
  const end = questionEnd(data);
  if (end === undefined) return undefined;
  try {
    return decode(withoutRecords(data.subarray(0, end))).questions?.[0];
  } catch {
    return undefined;
  }
}

/** Where the records begin; undefined unless there is one question. A name there cannot refer to an earlier one. */
function questionEnd(data: Buffer): number | undefined {
  if (data.length < headerSize || data.readUInt16BE(4) !== 1) return undefined;
  let at = headerSize;
  for (let length = data[at]; length !== 0; length = data[at]) {
    if (length === undefined || length > 63) return undefined;
    at += 1 + length;
  }
  const end = at + 5;
  return end <= data.length ? end : undefined;
}

/** A copy that says it has one question and nothing else. */
function withoutRecords(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  copy.fill(0, 6, headerSize);
  return copy;
}

function udpSizeOf(data: Buffer): number {
  if (data.readUInt16BE(10) === 0) return minimalUdpSize;
  try {
    const option = decode(data).additionals?.find(({ type }) => type === 'OPT');
    return option?.type === 'OPT' ? Math.max(minimalUdpSize, option.udpPayloadSize) : minimalUdpSize;
  } catch {
    return minimalUdpSize;
  }
}

/** A message without records that says what became of a query. */
export function encodeResult(query: Buffer, result: ResultCode): Buffer {
  const answer = withoutRecords(query.subarray(0, questionEnd(query) ?? headerSize));
  const kept = query.readUInt16BE(2) & (opcodeMask | RECURSION_DESIRED);
  answer.writeUInt16BE(responseBit | kept | RECURSION_AVAILABLE | resultCode[result], 2);
  if (answer.length === headerSize) answer.writeUInt16BE(0, 4);
  return answer;
}

const truncatedBit = 0x200;
const recordType = { A: 1, AAAA: 28 } as const;
const classInternet = 1;
/** A name in two bytes: the one that begins at this offset, which is the question's. */
const nameOfQuestion = 0xc000 | headerSize;

/** A record for each address, or as many as fit into `maxSize` bytes; then the client is told to ask over TCP. `ttl`: seconds. */
export function encodeAddresses({ data }: Query, type: 'A' | 'AAAA', addresses: readonly string[], ttl: number, maxSize: number): Buffer {
  const head = encodeResult(data, 'noError');
  const size = type === 'A' ? 16 : 28;
  const count = Math.min(addresses.length, Math.floor((maxSize - head.length) / size));
  if (count < addresses.length) head.writeUInt16BE(head.readUInt16BE(2) | truncatedBit, 2);
  head.writeUInt16BE(count, 6);
  const records = addresses.slice(0, count).map((address) => {
    const bytes = addressBytes(address);
    const record = Buffer.alloc(12 + bytes.length);
    record.writeUInt16BE(nameOfQuestion, 0);
    record.writeUInt16BE(recordType[type], 2);
    record.writeUInt16BE(classInternet, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(bytes.length, 10);
    record.set(bytes, 12);
    return record;
  });
  return Buffer.concat([head, ...records]);
}

/** One name that an address leads to. */
export function encodePointer({ id, question, data }: Query, target: string, ttl: number): Buffer {
  const flags = (data.readUInt16BE(2) & RECURSION_DESIRED) | RECURSION_AVAILABLE;
  return encode({ type: 'response', id, flags, questions: [question], answers: [{ type: 'PTR', name: question.name, ttl, data: target }] });
}
