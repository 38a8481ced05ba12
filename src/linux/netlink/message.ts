/**
 * Netlink messages (netlink(7)), encoded and decoded: a header, a fixed structure of the family, attributes. Numbers are in the
 * machine's order, which is little-endian on every architecture supported; what the network orders is given as bytes.
 */

/** Flags of `struct nlmsghdr` (linux/netlink.h). */
export const messageFlag = {
  NLM_F_REQUEST: 0x1,
  NLM_F_ACK: 0x4,
  NLM_F_DUMP: 0x300,
  NLM_F_REPLACE: 0x100,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
  NLM_F_APPEND: 0x800,
} as const;

/** Families of sockets, as socket(2) takes them. */
export const netlinkFamily = { route: 0, netfilter: 12 } as const;

/** Control messages every family has. */
export const controlType = { NLMSG_ERROR: 2, NLMSG_DONE: 3 } as const;

/** NLA_F_NESTED, which nf_tables wants on attributes that hold others. */
const nestedFlag = 0x8000;
const typeMask = 0x3fff;

/** A number that only the helper will know, when it sends the message: the index of an interface, the new process's pid. */
export type LateValue = { readonly late: 'link'; readonly name: string } | { readonly late: 'pid' };

/** A structure with attributes behind it, as the end of a veth pair is described inside the message that makes the other. */
export interface Structure {
  readonly body: Uint8Array;
  readonly attributes: readonly NetlinkAttribute[];
}

/** An attribute: a number as a 32-bit word, a text with a NUL after it, bytes as they are, or nested ones. */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: number | string | LateValue | Uint8Array | Structure | readonly NetlinkAttribute[];
}

export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F_*; NLM_F_REQUEST is always added, and NLM_F_ACK unless `unanswered`. */
  readonly flags?: number;
  /** The kernel says nothing to it: the frame of a batch, or a dump, which answers otherwise. */
  readonly unanswered?: boolean;
  /** The fixed structure after the header: ifinfomsg, ifaddrmsg, rtmsg, nfgenmsg. */
  readonly body: Uint8Array;
  /** The interface whose index is to stand in the body, at its fifth byte as in ifinfomsg and ifaddrmsg. */
  readonly link?: string;
  readonly attributes?: readonly NetlinkAttribute[];
}

const headerSize = 16;
const attributeHeaderSize = 4;
const align = (length: number) => (length + 3) & ~3;

/** Messages one after the other, numbered from `firstSequence`, as they go to a socket. Throws RangeError for late values. */
export function encodeNetlink(messages: readonly NetlinkMessage[], firstSequence = 1): Uint8Array<ArrayBuffer> {
  const { bytes, late } = encode(messages, firstSequence);
  if (late.length > 0) throw new RangeError('only the helper can fill in what is not known yet');
  return bytes;
}

/** Messages with the places in them that the helper fills in, as its `netlink` operation takes them. */
export interface LateMessages {
  readonly messages: Uint8Array;
  readonly links: readonly string[];
  readonly linkOffsets: readonly number[];
  /** 0: nowhere. */
  readonly pidOffset: number;
}

/** Encodes messages that may hold late values; of pids, one. */
export function encodeLate(messages: readonly NetlinkMessage[]): LateMessages {
  const { bytes, late } = encode(messages, 1);
  const links = late.flatMap(({ at, value }) => (value.late === 'link' ? [{ at, name: value.name }] : []));
  const [pid, ...more] = late.filter(({ value }) => value.late === 'pid');
  if (more.length > 0) throw new RangeError('a pid can be filled in once');
  return { messages: bytes, links: links.map(({ name }) => name), linkOffsets: links.map(({ at }) => at), pidOffset: pid?.at ?? 0 };
}

type Late = { readonly at: number; readonly value: LateValue }[];

function encode(messages: readonly NetlinkMessage[], firstSequence: number): { bytes: Uint8Array<ArrayBuffer>; late: Late } {
  const result = Buffer.alloc(messages.reduce((size, message) => size + align(messageSize(message)), 0));
  const late: Late = [];
  let at = 0;
  for (const [index, message] of messages.entries()) {
    writeMessage(result, at, message, firstSequence + index, late);
    at += align(messageSize(message));
  }
  return { bytes: new Uint8Array(result.buffer, result.byteOffset, result.length), late };
}

const messageSize = ({ body, attributes = [] }: NetlinkMessage): number => headerSize + align(body.length) + attributesSize(attributes);

function writeMessage(out: Buffer, at: number, message: NetlinkMessage, sequence: number, late: Late): void {
  const { NLM_F_REQUEST, NLM_F_ACK } = messageFlag;
  out.writeUInt32LE(messageSize(message), at);
  out.writeUInt16LE(message.type, at + 4);
  out.writeUInt16LE((message.flags ?? 0) | NLM_F_REQUEST | (message.unanswered === true ? 0 : NLM_F_ACK), at + 6);
  out.writeUInt32LE(sequence, at + 8);
  out.set(message.body, at + headerSize);
  if (message.link !== undefined) late.push({ at: at + headerSize + 4, value: { late: 'link', name: message.link } });
  writeAttributes(out, at + headerSize + align(message.body.length), message.attributes ?? [], late);
}

const attributesSize = (attributes: readonly NetlinkAttribute[]): number =>
  attributes.reduce((size, { value }) => size + align(attributeHeaderSize + valueSize(value)), 0);

function valueSize(value: NetlinkAttribute['value']): number {
  if (typeof value === 'number' || isLate(value)) return 4;
  if (typeof value === 'string') return Buffer.byteLength(value) + 1;
  if (value instanceof Uint8Array) return value.length;
  return 'body' in value ? align(value.body.length) + attributesSize(value.attributes) : attributesSize(value);
}

const isLate = (value: NetlinkAttribute['value']): value is LateValue => typeof value === 'object' && 'late' in value;

function writeAttributes(out: Buffer, start: number, attributes: readonly NetlinkAttribute[], late: Late): void {
  let at = start;
  for (const { type, value } of attributes) {
    const isNested = Array.isArray(value);
    const size = attributeHeaderSize + valueSize(value);
    out.writeUInt16LE(size, at);
    out.writeUInt16LE(isNested ? type | nestedFlag : type, at + 2);
    const place = at + attributeHeaderSize;
    if (isLate(value)) late.push({ at: place, value });
    else if (typeof value === 'number') out.writeUInt32LE(value >>> 0, place);
    else if (typeof value === 'string') out.write(value, place);
    else if (value instanceof Uint8Array) out.set(value, place);
    else if ('body' in value) {
      out.set(value.body, place);
      writeAttributes(out, place + align(value.body.length), value.attributes, late);
    } else writeAttributes(out, place, value, late);
    at += align(size);
  }
}

/** A message as it was received. */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** All after the header. */
  readonly payload: Buffer;
}

/** The messages of one datagram. What is cut short at its end is left out. */
export function decodeNetlink(datagram: Uint8Array): ReceivedMessage[] {
  const data = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  const messages: ReceivedMessage[] = [];
  for (let at = 0; at + headerSize <= data.length;) {
    const size = data.readUInt32LE(at);
    if (size < headerSize || at + size > data.length) break;
    messages.push({
      type: data.readUInt16LE(at + 4), flags: data.readUInt16LE(at + 6), sequence: data.readUInt32LE(at + 8),
      payload: data.subarray(at + headerSize, at + size),
    });
    at += align(size);
  }
  return messages;
}

/** Attributes by type, the last of each; from `at` in what holds them. */
export function decodeAttributes(data: Buffer, at = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let next = at; next + attributeHeaderSize <= data.length;) {
    const size = data.readUInt16LE(next);
    if (size < attributeHeaderSize || next + size > data.length) break;
    attributes.set(data.readUInt16LE(next + 2) & typeMask, data.subarray(next + attributeHeaderSize, next + size));
    next += align(size);
  }
  return attributes;
}

/** A text attribute without its NUL. */
export const attributeText = (value: Buffer | undefined): string => (value ?? Buffer.alloc(0)).toString('utf8').replace(/\0.*$/s, '');
