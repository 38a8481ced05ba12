/** The hardware address of an endpoint that asks for none. */
import { createHash } from 'node:crypto';
import { addressBytes } from '../address-bytes.ts';
import type { EndpointAddress } from '../network.ts';

/**
 * Follows from the address: whoever gets that next has the same one, and what neighbours remember stays true. (Docker 28 takes random ones
 * and has to announce them; before, it did as we do.) Locally administered, and no group's.
 */
export function macFor(ipv4: EndpointAddress | null, ipv6: EndpointAddress | null): string {
  if (ipv4 !== null) return format([0x02, 0x42, ...addressBytes(ipv4.address)]);
  return format([0x02, ...createHash('sha256').update(ipv6?.address ?? '').digest().subarray(0, 5)]);
}

const format = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
