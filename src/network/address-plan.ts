/** From the subnets that were asked for to those that a new network has. */
import { forbidden, invalidParameter } from '../errors.ts';
import type { AddressPool } from './addresses/address-pool.ts';
import { newPool } from './addresses/network-pool.ts';
import { type Family, formatAddress, formatPrefix, type IpPrefix, masked, overlap, parseAddress, parsePrefix } from './addresses/ip.ts';
import { type AddressBlock, chooseSubnet } from './addresses/subnets.ts';
import type { HostNetwork } from './host-networks.ts';
import type { IpamConfig, NetworkPool } from './network.ts';

/** What a network asks for, checked by validateIpam already. */
export interface AddressDemand {
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly config: readonly IpamConfig[];
  readonly skipGateway: { readonly ipv4: boolean; readonly ipv6: boolean };
}

/** What there is to choose from, and what is not free. */
export interface AddressSupply {
  readonly blocks: readonly AddressBlock[];
  /** Of the other networks. */
  readonly taken: readonly NetworkPool[];
  /** Read when it is needed: that costs three dumps. */
  readonly host: () => readonly HostNetwork[];
}

export interface AddressPlan {
  readonly pools: readonly NetworkPool[];
  /** As Docker's inspect shows it: what was asked for, and what was chosen where nothing was. */
  readonly shown: readonly IpamConfig[];
  /** Empty, or a sentence about subnets that the host itself uses. */
  readonly warning: string;
}

/** Throws in Docker's words: forbidden for an overlap, invalid-parameter for the rest. */
export function planAddresses(demand: AddressDemand, supply: AddressSupply): AddressPlan {
  const ofFamily = (family: Family) => demand.config.filter(({ subnet }) => parsePrefix(subnet)?.address.family === family);
  const [asked4, asked6] = [ofFamily(4), ofFamily(6)];
  const taken = [...supply.taken];
  const pools4 = demand.enableIPv4 ? poolsOf(4, asked4, demand.skipGateway.ipv4, supply, taken) : [];
  const pools6 = demand.enableIPv6 ? poolsOf(6, asked6, demand.skipGateway.ipv6, supply, taken) : [];
  const pools = [...pools4, ...pools6];
  return {
    pools,
    shown: [...asked4, ...asked6, ...pools.filter(({ automatic }) => automatic).map(({ automatic: _, ...shown }) => shown)],
    warning: warningAbout(pools.filter(({ automatic }) => !automatic), supply.host),
  };
}

/** Appends to `taken` what it hands out. */
function poolsOf(family: Family, asked: readonly IpamConfig[], skipGateway: boolean, supply: AddressSupply, taken: NetworkPool[]): NetworkPool[] {
  const wanted = asked.length > 0 ? asked : [{ subnet: formatPrefix(freeSubnet(family, supply, taken)), ipRange: '', gateway: '', auxAddresses: {} }];
  return wanted.map((config) => {
    if (asked.length > 0) refuseOverlap(config, taken);
    const pool = { ...config, gateway: reserveOwn(config, skipGateway), automatic: asked.length === 0 };
    taken.push(pool);
    return pool;
  });
}

function freeSubnet(family: Family, { blocks, host }: AddressSupply, taken: readonly NetworkPool[]): IpPrefix {
  const networks = taken.map(({ subnet }) => parsePrefix(subnet) as IpPrefix);
  const reached = host().filter(({ prefix }) => prefix.length > 0);
  // A route through a gateway may cover all there is (a VPN): better a subnet of it than none.
  const found = chooseSubnet(blocks, family, [...networks, ...reached.map(({ prefix }) => prefix)])
    ?? chooseSubnet(blocks, family, [...networks, ...reached.filter(({ onLink }) => onLink).map(({ prefix }) => prefix)]);
  if (found === undefined) throw invalidParameter('all predefined address pools have been fully subnetted');
  return found;
}

/** Networks may share a subnet when each has a range of its own in it, as with Docker. */
function refuseOverlap({ subnet, ipRange }: IpamConfig, taken: readonly NetworkPool[]): void {
  const prefix = parsePrefix(subnet) as IpPrefix;
  const collides = (other: NetworkPool) => {
    const otherPrefix = parsePrefix(other.subnet) as IpPrefix;
    if (!overlap(prefix, otherPrefix)) return false;
    return ipRange === '' || (formatPrefix(masked(prefix)) === formatPrefix(masked(otherPrefix)) && ipRange === other.ipRange);
  };
  if (taken.some(collides)) throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
}

/** Sees whether gateway and auxiliary addresses can be had. Returns the gateway. */
function reserveOwn(config: IpamConfig, skipGateway: boolean): string {
  const pool = newPool(config);
  const gateway = skipGateway && config.gateway === '' ? '' : takeGateway(pool, config.gateway);
  for (const [name, address] of Object.entries(config.auxAddresses)) {
    take(pool, address, `failed to allocate secondary ip address (${name}:${address})`);
  }
  return gateway;
}

function takeGateway(pool: AddressPool, asked: string): string {
  if (asked !== '') {
    take(pool, asked, `failed to allocate gateway (${asked})`);
    return asked;
  }
  const address = pool.take('gateway');
  if (address === undefined) throw invalidParameter('failed to allocate gateway (): No available addresses on this pool');
  return formatAddress(address);
}

function take(pool: AddressPool, text: string, failure: string): void {
  const address = parseAddress(text);
  try {
    if (address !== undefined) pool.takeThis(address, 'network');
  } catch (error) {
    throw invalidParameter(`${failure}: ${(error as Error).message}`, { cause: error });
  }
}

/** Docker says nothing about it; what is behind the subnet is simply not reached any more. */
function warningAbout(pools: readonly NetworkPool[], host: () => readonly HostNetwork[]): string {
  const sentences = pools.flatMap(({ subnet }) => {
    const prefix = parsePrefix(subnet) as IpPrefix;
    const hidden = host().find((network) => network.prefix.length > 0 && overlap(network.prefix, prefix));
    if (hidden === undefined) return [];
    const through = hidden.interfaceName === '' ? '' : ` through ${hidden.interfaceName}`;
    return [`the subnet ${subnet} overlaps ${formatPrefix(masked(hidden.prefix))}, which this host reaches${through}; addresses in both will be looked for on the new network`];
  });
  return sentences.join('\n');
}
