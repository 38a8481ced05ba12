/** Names by which addresses are looked up (RFC 1035, RFC 3596). */
import { addressBytes } from '../address-bytes.ts';

/** `172.18.0.2` is `2.0.18.172.in-addr.arpa`; of an IPv6 address the hexadecimal digits, below `ip6.arpa`. */
export function reverseName(address: string): string {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return `${[...bytes].toReversed().join('.')}.in-addr.arpa`;
  return `${[...Buffer.from(bytes).toString('hex')].toReversed().join('.')}.ip6.arpa`;
}
