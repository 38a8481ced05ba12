/** The default network: where its bridge and its addresses come from. */
import { invalidParameter } from '../errors.ts';
import { type AddressSupply, planAddresses } from './address-plan.ts';
import { addressFromBytes, formatAddress, formatPrefix, masked, parsePrefix, type IpPrefix } from './addresses/ip.ts';
import type { Bridges } from './bridges.ts';
import type { IpamConfig, NetworkPool, NetworkRecord } from './network.ts';
import { defaultBridgeOptions } from './predefined.ts';

export interface DefaultBridge {
  /** Of the interface. */
  readonly name: string;
  /** `--bip`: its address and the network's prefix length, `10.0.0.1/24`; empty: chosen. */
  readonly address: string;
  /** `--ip`: where ports are published that name no address. */
  readonly publishAddress: string;
}

/**
 * The record with what this start asks for. The addresses are those of `--bip`, else those that the bridge has already, else
 * those of the last start, else a free subnet.
 */
export function defaultBridgeRecord(record: NetworkRecord, asked: DefaultBridge, bridges: Bridges, supply: AddressSupply): NetworkRecord {
  const options = { ...record.options, ...defaultBridgeOptions(asked.name, asked.publishAddress) };
  const wanted = asked.address === '' ? ownAddress(bridges, asked.name, record) : parseBip(asked.address);
  if (wanted === undefined && record.pools.length > 0) return { ...record, options };
  const { pools } = planAddresses(
    { enableIPv4: true, enableIPv6: false, config: wanted === undefined ? [] : [configOf(wanted)], skipGateway: { ipv4: false, ipv6: false } }, supply,
  );
  return { ...record, options, ipam: { ...record.ipam, config: pools.map(shown) }, pools };
}

const shown = ({ automatic: _, ...config }: NetworkPool): IpamConfig => config;

const configOf = (bridge: IpPrefix): IpamConfig => ({
  subnet: formatPrefix(masked(bridge)), ipRange: '', gateway: formatAddress(bridge.address), auxAddresses: {},
});

/** The IPv4 address of an interface that somebody else made for us. */
function ownAddress(bridges: Bridges, name: string, record: NetworkRecord): IpPrefix | undefined {
  const known = new Set(record.pools.map(({ gateway }) => gateway));
  const found = bridges.addressesOf(name).map(({ address, length }) => ({ address: addressFromBytes(address), length }))
    .filter(({ address }) => address.family === 4);
  return found.some(({ address }) => known.has(formatAddress(address))) ? undefined : found[0];
}

function parseBip(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (prefix?.address.family !== 4) throw invalidParameter(`invalid --bip ${JSON.stringify(text)}: it is an IPv4 address with a prefix length, like 10.0.0.1/24`);
  return prefix;
}
