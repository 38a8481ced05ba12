/** The engine's part of the host's packet filter, kept as its networks and its containers' ports need it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { addressBytes } from '../../network/address-bytes.ts';
import { parseBridgeOptions, parseGoBool } from '../../network/bridge-options.ts';
import { bridgeName } from '../../network/bridge-spec.ts';
import type { FilterNetwork, FilteredPort } from '../../network/filter/elements.ts';
import { routeLoopback, switchForwardingOn } from '../../network/filter/forwarding.ts';
import { PacketFilter } from '../../network/filter/packet-filter.ts';
import { watchFilter } from '../../network/filter/watch.ts';
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';
import { encodeNetlink, netlinkFamily, type NetlinkMessage } from '../../linux/netlink/message.ts';
import type { Operation } from '../../runtime/plan/operations.ts';

export interface NetworkFilter {
  /** Of the family inet. */
  readonly table: string;
  /** Makes the rules whole for every network and every published port there is; call before a container is connected. Throws system. */
  ensure(): void;
  /** Operations for a plan: one transaction each. Taking back what is not there is right. */
  publish(ports: readonly FilteredPort[]): Operation[];
  unpublish(ports: readonly FilteredPort[]): Operation[];
  /** Call when a shim is asked for one of those, and the result when it has answered. */
  expectChange: PacketFilter['expectChange'];
  /** Notices from now on what others do to the rules, and puts it right; or does not any more. */
  watch(isNeeded: boolean): void;
}

/** What containers have of it. */
export interface FilteredPorts {
  /** Of containers that run. */
  readonly ports: readonly FilteredPort[];
  /** Of those that are being started or have just ended: their shims are about to publish them, or to take them back. */
  readonly unsettled: readonly FilteredPort[];
}

export interface NetworkFilterParts {
  /** A name that only this engine uses. */
  readonly table: string;
  /** Where the families are kept that this host did not forward before; gone with the host's restart, as its settings are. */
  readonly guardFile: string;
  readonly networks: NetworkRegistry;
  readonly ports: () => FilteredPorts;
  /** Hears what could not be put right while it was watched. */
  readonly onFailure: (error: unknown) => void;
}

export function createNetworkFilter({ table, guardFile, networks, ports, onFailure }: NetworkFilterParts): NetworkFilter {
  const filter = new PacketFilter(table);
  const guarded = readGuarded(guardFile);
  let known = '';
  let stopWatching: (() => void) | undefined;
  const ensure = () => {
    const bridged = networks.all().filter(({ driver, configOnly }) => driver === 'bridge' && !configOnly);
    const ids = bridged.map(({ id }) => id).join(' ');
    if (ids === known && !filter.hasChanged()) return;
    try {
      const before = guarded.size;
      for (const network of bridged) prepareHost(networks.bridgeOf(network), network, guarded);
      if (guarded.size > before) writeFileSync(guardFile, [...guarded].join(' '));
      filter.ensure({ networks: bridged.map(filtered), ...ports(), guarded: [...guarded] });
    } catch (cause) {
      throw systemError(`cannot set up the packet filter: ${cause instanceof Error ? cause.message : String(cause)}`, { operation: 'set up networking', cause });
    }
    known = ids;
  };
  const repair = () => {
    try {
      ensure();
    } catch (error) {
      onFailure(error);
    }
  };
  return {
    table,
    ensure,
    publish: (list) => transaction('its published ports lead to it', list.length === 0 ? [] : filter.publish(list), 0),
    unpublish: (list) => transaction('its published ports lead nowhere', list.length === 0 ? [] : filter.unpublish(list), 1),
    expectChange: () => filter.expectChange(),
    watch(isNeeded) {
      if (isNeeded) return void (stopWatching ??= watchFilter(filter, repair));
      stopWatching?.();
      stopWatching = undefined;
    },
  };
}

function transaction(reason: string, messages: readonly NetlinkMessage[], optional: 0 | 1): Operation[] {
  if (messages.length === 0) return [];
  return [{ name: 'netlink', reason, family: netlinkFamily.netfilter, messages: encodeNetlink(messages), links: [], linkOffsets: [], pidOffset: 0, optional }];
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
  const { gatewayModeIPv4, gatewayModeIPv6, trustedInterfaces } = parseBridgeOptions(options, internal);
  return {
    bridge: bridgeName(network), internal,
    subnets: pools.map(({ subnet }) => {
      const [address = '', length = ''] = subnet.split('/');
      return { address: addressBytes(address), length: Number(length) };
    }),
    icc: parseGoBool(options['com.docker.network.bridge.enable_icc'] ?? '') !== false,
    modes: { 4: gatewayModeIPv4, 6: gatewayModeIPv6 }, trusted: trustedInterfaces,
    masquerade: parseGoBool(options['com.docker.network.bridge.enable_ip_masquerade'] ?? '') !== false,
  };
}
