/** IP addresses and prefixes as numbers, so that they can be compared, counted and taken apart. */
import { isIPv4, isIPv6 } from 'node:net';

export type Family = 4 | 6;

export interface IpAddress {
  readonly family: Family;
  /** In the host's order: 0x7f000001 is 127.0.0.1. */
  readonly value: bigint;
}

/** An address and how many of its leading bits name the network; the other bits may be set, too. */
export interface IpPrefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** Bits of an address. */
export const width = (family: Family): number => (family === 4 ? 32 : 128);

/** Undefined for what is no address. Zones (`fe80::1%eth0`) are none. */
export function parseAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { family: 6, value: groupsOf(text).reduce((value, group) => (value << 16n) | BigInt(group), 0n) };
}

/** The eight groups of an IPv6 address that is one. */
function groupsOf(text: string): number[] {
  // The last two groups may be written like an IPv4 address.
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) =>
    `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`);
  const [head = '', tail] = plain.split('::');
  const parse = (half: string) => half.split(':').filter((group) => group !== '').map((group) => Number.parseInt(group, 16));
  const [first, last] = [parse(head), parse(tail ?? '')];
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

/** The text that everybody writes (RFC 5952 for IPv6). */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  // An IPv4 address inside IPv6 is shown as one.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatAddress({ family: 4, value: value & 0xffffffffn })}`;
  }
  const zeros = longestZeros(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}

/** `10.0.0.0/8`; undefined for what is none. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const slash = text.lastIndexOf('/');
  const address = parseAddress(text.slice(0, Math.max(slash, 0)));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > width(address.family)) return undefined;
  return { address, length: Number(digits) };
}

export const formatPrefix = ({ address, length }: IpPrefix): string => `${formatAddress(address)}/${length}`;

/** How many addresses the prefix has. */
export const sizeOf = ({ address, length }: IpPrefix): bigint => 1n << BigInt(width(address.family) - length);

/** The prefix with the bits after its length cleared. */
export function masked(prefix: IpPrefix): IpPrefix {
  const size = sizeOf(prefix);
  return { ...prefix, address: { ...prefix.address, value: prefix.address.value - (prefix.address.value % size) } };
}

export const firstOf = (prefix: IpPrefix): bigint => masked(prefix).address.value;
export const lastOf = (prefix: IpPrefix): bigint => firstOf(prefix) + sizeOf(prefix) - 1n;

export const contains = (prefix: IpPrefix, { family, value }: IpAddress): boolean =>
  prefix.address.family === family && firstOf(prefix) <= value && value <= lastOf(prefix);

/** They have an address in common. */
export const overlap = (one: IpPrefix, other: IpPrefix): boolean =>
  one.address.family === other.address.family && firstOf(one) <= lastOf(other) && firstOf(other) <= lastOf(one);

/** 4 or 16 bytes, in the network's order. */
export function addressToBytes({ family, value }: IpAddress): Uint8Array {
  const bytes = Buffer.alloc(width(family) / 8);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Number((value >> BigInt(8 * (bytes.length - 1 - index))) & 0xffn);
  return bytes;
}

export function addressFromBytes(bytes: Uint8Array): IpAddress {
  return { family: bytes.length === 4 ? 4 : 6, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
}
