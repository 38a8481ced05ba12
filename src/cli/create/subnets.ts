/** `--subnet`, `--ip-range`, `--gateway` and `--aux-address` of `network create`, put together: which belongs to which. */
import { contains, type IpAddress, type IpPrefix, overlap, parseAddress, parsePrefix } from '../../network/addresses/ip.ts';
import type { Flags } from '../flags/values.ts';
import { splitPair } from './key-values.ts';

interface Pool {
  readonly Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Throws, in the words of Docker's client, for what belongs to no subnet. */
export function subnetsOf(flags: Flags): Pool[] {
  const words = (name: string) => flags.list(name).flatMap((text) => text.split(','));
  const [subnets, ranges, gateways] = [words('subnet'), words('ip-range'), words('gateway')];
  if (subnets.length < ranges.length || subnets.length < gateways.length) throw new Error('every ip-range or gateway must have a corresponding subnet');
  const pools = subnets.map((Subnet): { pool: Pool; prefix: IpPrefix } => ({ pool: { Subnet }, prefix: prefixOf(Subnet) }));
  for (const [index, { prefix }] of pools.entries()) {
    if (pools.slice(0, index).some((other) => overlap(other.prefix, prefix))) throw new Error('multiple overlapping subnet configuration is not supported');
  }
  const find = (what: string, text: string, address: IpAddress): Pool => {
    const found = pools.find(({ prefix }) => contains(prefix, address));
    if (found === undefined) throw new Error(`no matching subnet for ${what} ${text}`);
    return found.pool;
  };
  for (const range of ranges) setOnce(find('range', range, prefixOf(range).address), 'IPRange', 'ranges', 'on', range);
  for (const gateway of gateways) setOnce(find('gateway', gateway, addressOf(gateway)), 'Gateway', 'gateways', 'for', gateway);
  for (const [name, text] of flags.list('aux-address').map(splitPair)) {
    (find('aux-address', text, addressOf(text)).AuxiliaryAddresses ??= {})[name] = text;
  }
  return pools.map(({ pool }) => pool);
}

function setOnce(pool: Pool, field: 'IPRange' | 'Gateway', plural: string, preposition: string, value: string): void {
  if (pool[field] !== undefined) throw new Error(`cannot configure multiple ${plural} (${value}, ${pool[field]}) ${preposition} the same subnet (${pool.Subnet})`);
  pool[field] = value;
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`invalid CIDR address: ${text}`);
  return prefix;
}

function addressOf(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`invalid IP address: ${text}`);
  return address;
}
