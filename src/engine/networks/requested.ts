/** Which networks a container is to be on, and what was asked of each. */
import { invalidParameter } from '../../errors.ts';
import { sysctlFaults } from '../../network/endpoint-options.ts';
import { joined, requestedAddressFaults } from '../../network/ipam-validation.ts';
import type { NetworkRecord, NetworkRegistry } from '../../network/network.ts';
import type { ContainerConfig, CreateRequest, EndpointSettings, HostConfig } from '../docker-types.ts';
import { parseMode } from '../spec/modes.ts';

/** By network name or id, as given; the network mode's own first, if it is among them. Empty where there is no network namespace to connect. */
export function requestedNetworks(request: CreateRequest, config: ContainerConfig, hostConfig: HostConfig): Record<string, EndpointSettings> {
  const asked = Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {}).map(([name, settings]) => {
    const { NetworkID: _stale, ...rest } = settings ?? {};
    return [name, rest] as const;
  });
  const mode = hostConfig.NetworkMode ?? 'bridge';
  const { kind } = parseMode(mode);
  if (config.NetworkDisabled === true || kind === 'container') return {};
  if (kind === 'none' || kind === 'host') return besideMode(mode, kind, Object.fromEntries(asked));
  const { MacAddress } = config;
  if (asked.length === 0) return { [mode]: MacAddress ? { MacAddress } : {} };
  // Where endpoints are named, they are all there are: the mode adds none.
  const named = asked.map(([name, settings]) => [name === 'default' && mode === 'bridge' ? mode : name, settings] as const);
  const own = named.find(([name]) => name === mode)?.[1];
  if (own === undefined && MacAddress) {
    throw invalidParameter('unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks');
  }
  const others = named.filter(([name]) => name !== mode).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...(own && { [mode]: MacAddress && !own.MacAddress ? { ...own, MacAddress } : own }), ...Object.fromEntries(others) };
}

/** The CLI names the mode as if it were a network. */
function besideMode(mode: string, kind: 'none' | 'host', { [mode]: own, ...others }: Record<string, EndpointSettings>): Record<string, EndpointSettings> {
  if (Object.keys(others).length === 0) return {};
  if (kind === 'host') throw invalidParameter('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  if (own) throw invalidParameter('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  return others;
}

/** What Docker 28 refuses of networks' settings at create; some of it only when the network is there by then. Throws invalid-parameter. */
export function checkEndpoints(networks: NetworkRegistry, requested: Readonly<Record<string, EndpointSettings>>, { NetworkingConfig, HostConfig }: CreateRequest): void {
  // Of the modes that have no interface of the container's own, what was asked of that is looked at all the same.
  const mode = HostConfig?.NetworkMode ?? '';
  const own = mode === 'host' || mode === 'none' ? { [mode]: NetworkingConfig?.EndpointsConfig?.[mode] ?? {} } : {};
  for (const [name, settings] of Object.entries({ ...own, ...requested })) {
    checkEndpoint(networks.find(name), settings, `invalid config for network ${name}: `);
  }
}

/** The same of one; undefined where there is none by that name yet. `before`: what the sentence begins with. */
export function checkEndpoint(network: NetworkRecord | undefined, { IPAMConfig, Aliases, DriverOpts }: EndpointSettings, before = ''): void {
  const problems = [
    ...requestedAddressFaults(network, { ipv4: IPAMConfig?.IPv4Address ?? '', ipv6: IPAMConfig?.IPv6Address ?? '', linkLocal: IPAMConfig?.LinkLocalIPs ?? [] }),
    ...((Aliases?.length ?? 0) > 0 && network?.name === 'bridge' ? ['network-scoped aliases are only supported for user-defined networks'] : []),
    ...sysctlFaults(DriverOpts),
  ];
  if (problems.length > 0) throw invalidParameter(`${before}invalid endpoint settings:\n${joined(problems)}`);
}
