/** Encoding of rtnetlink(7) messages. Little-endian throughout: every architecture supported is. */

/** Flags and types of linux/netlink.h and linux/rtnetlink.h. */
export const netlink = {
  NLM_F_REQUEST: 0x1,
  NLM_F_ACK: 0x4,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_NEWADDR: 20,
  RTM_NEWROUTE: 24,
  IFF_UP: 0x1,
} as const;

/**
 * An attribute (struct rtattr): a number as a 32-bit word, a text with a NUL after it, bytes as they are, or nested
 * ones.
 */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: number | string | Uint8Array | readonly NetlinkAttribute[];
}

export interface NetlinkMessage {
  /** RTM_* */
  readonly type: number;
  /** NLM_F_*; NLM_F_REQUEST and NLM_F_ACK are always added, so that each message is answered. */
  readonly flags?: number;
  /** The fixed structure after the header: ifinfomsg, ifaddrmsg, rtmsg. */
  readonly body: Uint8Array;
  readonly attributes?: readonly NetlinkAttribute[];
}

const headerSize = 16;
const align = (length: number) => (length + 3) & ~3;

/** Messages one after the other, numbered from 1, as they go to a NETLINK_ROUTE socket. */
export function encodeNetlink(messages: readonly NetlinkMessage[]): Uint8Array {
  return concatenate(messages.map((message, index) => encodeMessage(message, index + 1)));
}

function encodeMessage(message: NetlinkMessage, sequence: number): Uint8Array {
  const payload = concatenate([padded(message.body), encodeAttributes(message.attributes ?? [])]);
  const header = new DataView(new ArrayBuffer(headerSize));
  header.setUint32(0, headerSize + payload.length, true);
  header.setUint16(4, message.type, true);
  header.setUint16(6, (message.flags ?? 0) | netlink.NLM_F_REQUEST | netlink.NLM_F_ACK, true);
  header.setUint32(8, sequence, true);
  return concatenate([new Uint8Array(header.buffer), payload]);
}

function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  return concatenate(
    attributes.map(({ type, value }) => {
      const data = attributeData(value);
      const header = new DataView(new ArrayBuffer(4));
      header.setUint16(0, 4 + data.length, true);
      header.setUint16(2, type, true);
      return padded(concatenate([new Uint8Array(header.buffer), data]));
    }),
  );
}

function attributeData(value: NetlinkAttribute['value']): Uint8Array {
  if (typeof value === 'string') return new TextEncoder().encode(`${value}\0`);
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'number') return encodeAttributes(value);
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, value, true);
  return new Uint8Array(word.buffer);
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length === align(bytes.length)) return bytes;
  const result = new Uint8Array(align(bytes.length));
  result.set(bytes);
  return result;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** struct ifinfomsg: which interface, and the IFF_* bits to change in it and their new values. */
export function interfaceMessage(index: number, flags = 0, change = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return new Uint8Array(view.buffer);
}

/** Loopback is the first interface of every network namespace. */
const loopbackIndex = 1;

/** Sets the loopback interface up; the kernel gives it 127.0.0.1/8 and ::1 then. */
export function loopbackUp(): NetlinkMessage {
  const { RTM_NEWLINK: type, IFF_UP: up } = netlink;
  return { type, body: interfaceMessage(loopbackIndex, up, up) };
}
