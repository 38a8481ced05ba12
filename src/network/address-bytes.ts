/** Addresses between their texts and the bytes on the wire. */
import { addressToBytes, parseAddress } from './addresses/ip.ts';

/** 4 or 16 bytes, in the network's order. Throws RangeError for what is no address. */
export function addressBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`${text} is not an IP address`);
  return addressToBytes(address);
}

/** Six bytes of `02:42:ac:11:00:02`. */
export const macBytes = (text: string): Uint8Array => Uint8Array.from(text.split(':').map((part) => Number.parseInt(part, 16)));
