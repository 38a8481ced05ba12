/** Subnets for networks that do not name theirs: blocks of addresses, cut into pieces of one size. */
import { createHash } from 'node:crypto';
import { invalidParameter } from '../../errors.ts';
import { type Family, firstOf, formatPrefix, type IpPrefix, lastOf, masked, overlap, parsePrefix, width } from './ip.ts';

/** A block of addresses, and the prefix length of the networks made of it. */
export interface AddressBlock {
  readonly base: IpPrefix;
  readonly size: number;
}

const block = (base: string, size: number): AddressBlock => ({ base: parsePrefix(base) as IpPrefix, size });

/**
 * Docker's own blocks (31 networks), in Docker's order; when they are used up, as they soon are where each project makes a
 * network, small networks follow where Docker gives up.
 */
export const defaultBlocks: readonly AddressBlock[] = [
  block('172.17.0.0/16', 16), block('172.18.0.0/16', 16), block('172.19.0.0/16', 16), block('172.20.0.0/14', 16),
  block('172.24.0.0/14', 16), block('172.28.0.0/14', 16), block('192.168.0.0/16', 20), block('10.208.0.0/12', 24),
];

/** The block of IPv6 addresses that is this engine's own (RFC 4193): always the same, and most probably nobody else's. */
export function uniqueLocalBlock(engineId: string): AddressBlock {
  const random = createHash('sha256').update(engineId).digest('hex').slice(0, 10);
  return block(`fd${random.slice(0, 2)}:${random.slice(2, 6)}:${random.slice(6, 10)}::/48`, 64);
}

/** `base=10.0.0.0/8,size=24`, as `--default-address-pool` takes it. Throws invalid-parameter. */
export function parseAddressBlock(text: string): AddressBlock {
  const fields = new Map(text.split(',').map((field) => field.split('=', 2) as [string, string | undefined]));
  const base = parsePrefix(fields.get('base') ?? '');
  const size = fields.get('size') ?? '';
  const unknown = [...fields.keys()].find((name) => name !== 'base' && name !== 'size');
  if (unknown !== undefined || base === undefined || !/^\d{1,3}$/.test(size)) {
    throw invalidParameter(`invalid default address pool ${JSON.stringify(text)}: it is base=PREFIX,size=LENGTH, like base=10.10.0.0/16,size=24`);
  }
  const length = Number(size);
  if (length < base.length || length > width(base.address.family)) {
    throw invalidParameter(`invalid default address pool ${JSON.stringify(text)}: networks of size /${length} do not fit into ${formatPrefix(base)}`);
  }
  return { base: masked(base), size: length };
}

/** The first subnet of the family that has no address in common with any of `taken`; undefined when there is none. */
export function chooseSubnet(blocks: readonly AddressBlock[], family: Family, taken: readonly IpPrefix[]): IpPrefix | undefined {
  for (const { base, size } of blocks) {
    if (base.address.family !== family) continue;
    const step = 1n << BigInt(width(family) - size);
    for (let value = firstOf(base); value <= lastOf(base);) {
      const candidate = { address: { family, value }, length: size };
      const obstacle = taken.find((prefix) => overlap(prefix, candidate));
      if (obstacle === undefined) return candidate;
      const behind = (lastOf(obstacle) / step + 1n) * step;
      value = behind > value ? behind : value + step;
    }
  }
  return undefined;
}
