/** What is wrong with the subnets that a client asks for, in the words of moby's network.ValidateIPAM (api/types/network/ipam.go). */
import { invalidParameter } from '../errors.ts';
import { contains, firstOf, formatAddress, formatPrefix, type IpPrefix, masked, overlap, parseAddress, parsePrefix } from './addresses/ip.ts';
import type { IpamConfig, NetworkRecord } from './network.ts';
import { isPredefined } from './predefined.ts';

/** Throws invalid-parameter with all that is wrong. Subnets of a family that the network does not have are not looked at. */
export function validateIpam(config: readonly IpamConfig[], enableIPv6: boolean): void {
  const faults = config.flatMap((pool) => poolFaults(pool, enableIPv6));
  if (faults.length > 0) throw invalidParameter(`invalid network config:\n${joined(faults)}`);
}

/** As moby's multierror joins: one as it is, several as a list. */
export const joined = (faults: readonly string[]): string =>
  faults.length === 1 ? (faults[0] as string) : faults.map((fault) => `* ${fault.replaceAll('\n', '\n\t')}`).join('\n');

function poolFaults({ subnet: text, ipRange, gateway, auxAddresses }: IpamConfig, enableIPv6: boolean): string[] {
  const subnet = parsePrefix(text);
  if (subnet === undefined) return [`invalid subnet ${text}: invalid CIDR block notation`];
  if (subnet.address.family === 6 && !enableIPv6) return [];
  return [
    ...(isMasked(subnet) ? [] : [`invalid subnet ${formatPrefix(subnet)}: it should be ${formatPrefix(masked(subnet))}`]),
    ...rangeFaults(ipRange, subnet),
    ...addressFaults(`gateway ${gateway}`, gateway, subnet),
    ...Object.entries(auxAddresses).flatMap(([name, address]) => addressFaults(`auxiliary address ${name}`, address, subnet)),
  ];
}

const isMasked = (prefix: IpPrefix): boolean => firstOf(prefix) === prefix.address.value;
const blockOf = ({ address }: IpPrefix): string => `parent subnet is an IPv${address.family} block`;

function rangeFaults(text: string, subnet: IpPrefix): string[] {
  if (text === '') return [];
  const range = parsePrefix(text);
  const parent = formatPrefix(subnet);
  if (range === undefined) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.address.family !== subnet.address.family) return [`invalid ip-range ${text}: ${blockOf(subnet)}`];
  return [
    ...(range.length < subnet.length ? [`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${parent}`] : []),
    ...(isMasked(range) ? [] : [`invalid ip-range ${formatPrefix(range)}: it should be ${formatPrefix(masked(range))}`]),
    ...(overlap(range, subnet) ? [] : [`invalid ip-range ${text}: parent subnet ${parent} doesn't contain ip-range`]),
  ];
}

function addressFaults(what: string, text: string, subnet: IpPrefix): string[] {
  if (text === '') return [];
  const address = parseAddress(text);
  if (address === undefined) return [`invalid ${what}: invalid address`];
  if (address.family !== subnet.address.family) return [`invalid ${what}: ${blockOf(subnet)}`];
  return contains(subnet, address) ? [] : [`invalid ${what}: parent subnet ${formatPrefix(subnet)} doesn't contain this address`];
}

/** Addresses that a container asks for on a network, as texts; an empty one is none. */
export interface RequestedAddresses {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly linkLocal: readonly string[];
}

/**
 * What is wrong with addresses that a container asks for on a network, or on one that is not there yet; empty: nothing. The caller joins them with what else
 * is wrong (`joined`), as Docker does.
 */
export function requestedAddressFaults(network: NetworkRecord | undefined, { ipv4, ipv6, linkLocal }: RequestedAddresses): string[] {
  const asked = ([[4, ipv4], [6, ipv6]] as const).filter(([, text]) => text !== '');
  return [
    ...(asked.length > 0 && network !== undefined && isPredefined(network.name) ? ['user specified IP address is supported on user defined networks only'] : []),
    ...asked.filter(([family, text]) => parseAddress(text)?.family !== family).map(([family, text]) => `invalid IPv${family} address: ${text}`),
    ...linkLocal.filter((text) => parseAddress(text) === undefined).map((text) => `invalid link-local IP address: ${text}`),
    ...(network === undefined ? [] : asked.flatMap(([family, text]) => outsideFault(network, family, text))),
  ];
}

/** Subnets of a family that the network does not use count as well: Docker takes an address of one, and leaves it out. */
function outsideFault({ pools, ipam }: NetworkRecord, family: 4 | 6, text: string): string[] {
  const automatic = new Set(pools.filter((pool) => pool.automatic).map(({ subnet }) => subnet));
  const subnets = ipam.config.flatMap(({ subnet }) => (automatic.has(subnet) ? [] : parsePrefix(subnet) ?? [])).filter(({ address }) => address.family === family);
  if (subnets.length === 0) return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
  const address = parseAddress(text);
  const isInside = address !== undefined && subnets.some((subnet) => contains(subnet, address));
  return isInside ? [] : [`no configured subnet or ip-range contain the IP address ${address === undefined ? text : formatAddress(address)}`];
}
