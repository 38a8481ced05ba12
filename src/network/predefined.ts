/** The networks that are always there. */
import { randomBytes } from 'node:crypto';
import type { NetworkDriverName, NetworkRecord } from './network.ts';

const drivers: Readonly<Record<string, NetworkDriverName>> = { bridge: 'bridge', host: 'host', none: 'null' };

export const predefinedNames: readonly string[] = Object.keys(drivers);

/** Names that nobody gives to a network; `default` means `bridge`. */
export const isPredefined = (name: string): boolean => name === 'default' || Object.hasOwn(drivers, name);

/** One of them, as an engine makes it at its first start; `bridge` without its addresses. */
export function newPredefined(name: string, created: string): NetworkRecord {
  return {
    id: randomBytes(32).toString('hex'), name, created, driver: drivers[name] as NetworkDriverName, scope: 'local',
    enableIPv4: true, enableIPv6: false, internal: false, attachable: false, ingress: false, configOnly: false, configFrom: '',
    ipam: { driver: 'default', options: null, config: [] }, pools: [], options: {}, labels: {},
  };
}

/** The default network's options, as Docker shows them. */
export const defaultBridgeOptions = (name: string, publishAddress: string): Record<string, string> => ({
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': publishAddress,
  'com.docker.network.bridge.name': name,
  'com.docker.network.driver.mtu': '1500',
});
