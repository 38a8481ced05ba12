/** The engine's part of the host's packet filter, kept as its networks need it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { addressBytes } from '../../network/address-bytes.ts';
import { parseGoBool } from '../../network/bridge-options.ts';
import { bridgeName } from '../../network/bridge-spec.ts';
import type { FilterNetwork } from '../../network/filter/elements.ts';
import { routeLoopback, switchForwardingOn } from '../../network/filter/forwarding.ts';
import { PacketFilter } from '../../network/filter/packet-filter.ts';
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';

export interface NetworkFilter {
  /** Makes the rules whole for every network there is; call before a container is connected. Throws system. */
  ensure(): void;
}

/** `table`: a name that only this engine uses. */
/** `guardFile`: where the families are kept that this host did not forward before; gone with the host's restart, as its settings are. */
export function createNetworkFilter(table: string, guardFile: string, networks: NetworkRegistry): NetworkFilter {
  const filter = new PacketFilter(table);
  const guarded = readGuarded(guardFile);
  let known = '';
  return {
    ensure() {
      const bridged = networks.all().filter(({ driver, configOnly }) => driver === 'bridge' && !configOnly);
      const ids = bridged.map(({ id }) => id).join(' ');
      if (ids === known && !filter.hasChanged()) return;
      try {
        const before = guarded.size;
        for (const network of bridged) prepareHost(networks.bridgeOf(network), network, guarded);
        if (guarded.size > before) writeFileSync(guardFile, [...guarded].join(' '));
        filter.ensure({ networks: bridged.map(filtered), ports: [], guarded: [...guarded] });
      } catch (cause) {
        throw systemError(`cannot set up the packet filter: ${cause instanceof Error ? cause.message : String(cause)}`, { operation: 'set up networking', cause });
      }
      known = ids;
    },
  };
}

function readGuarded(file: string): Set<4 | 6> {
  const text = existsSync(file) ? readFileSync(file, 'latin1') : '';
  return new Set(([4, 6] as const).filter((family) => text.includes(String(family))));
}

/** Forwarding begins with the first network that wants it, and then for containers alone. */
function prepareHost(bridge: string, { internal, enableIPv4, enableIPv6 }: NetworkRecord, guarded: Set<4 | 6>): void {
  if (enableIPv4) routeLoopback(bridge);
  if (internal) return;
  if (enableIPv4 && switchForwardingOn(4)) guarded.add(4);
  if (enableIPv6 && switchForwardingOn(6)) guarded.add(6);
}

function filtered(network: NetworkRecord): FilterNetwork {
  const { options, pools, internal } = network;
  return {
    bridge: bridgeName(network), internal,
    subnets: pools.map(({ subnet }) => {
      const [address = '', length = ''] = subnet.split('/');
      return { address: addressBytes(address), length: Number(length) };
    }),
    icc: parseGoBool(options['com.docker.network.bridge.enable_icc'] ?? '') !== false,
    masquerade: parseGoBool(options['com.docker.network.bridge.enable_ip_masquerade'] ?? '') !== false,
  };
}
