/** The bridge interface that a network of the driver `bridge` has. */
import { addressToBytes, type IpAddress, type IpPrefix, parseAddress, parsePrefix } from './addresses/ip.ts';
import { parseBridgeOptions } from './bridge-options.ts';
import type { BridgeSpec } from './bridges.ts';
import type { NetworkPool, NetworkRecord } from './network.ts';

export function bridgeName({ id, options }: NetworkRecord): string {
  const name = options['com.docker.network.bridge.name'] ?? '';
  return name === '' ? `br-${id.slice(0, 12)}` : name;
}

export function bridgeSpec(network: NetworkRecord): BridgeSpec {
  const { mtu, inhibitIPv4, gatewayModeIPv4, gatewayModeIPv6 } = parseBridgeOptions(network.options, network.internal);
  const hasAddress = ({ subnet }: NetworkPool) => (subnet.includes(':') ? gatewayModeIPv6 !== 'isolated' : gatewayModeIPv4 !== 'isolated' && !inhibitIPv4);
  return {
    name: bridgeName(network),
    networkId: network.id,
    mtu,
    addresses: network.pools.filter((pool) => pool.gateway !== '' && hasAddress(pool)).map(({ subnet, gateway }) => ({
      address: addressToBytes(parseAddress(gateway) as IpAddress), length: (parsePrefix(subnet) as IpPrefix).length,
    })),
  };
}
