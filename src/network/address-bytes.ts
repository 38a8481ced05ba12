/** Addresses between their texts and the bytes on the wire. */
import { isIPv4, isIPv6 } from 'node:net';

/** 4 or 16 bytes, in the network's order. Throws RangeError for what is no address. */
export function addressBytes(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number));
  if (!isIPv6(text)) throw new RangeError(`${text} is not an IP address`);
  // An address that ends in four decimal numbers has them in place of its last two groups.
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a, b, c, d] = parts.slice(0, 4).map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (half: string) => half.split(':').filter((group) => group !== '');
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0');
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

/** Six bytes of `02:42:ac:11:00:02`. */
export const macBytes = (text: string): Uint8Array => Uint8Array.from(text.split(':').map((part) => Number.parseInt(part, 16)));
