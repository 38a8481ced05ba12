/** `NetworkSettings` of inspect, in the field order and with the defaults of Docker 28. */
import { createHash } from 'node:crypto';
import type { Endpoint } from '../../network/network.ts';
import type { Container } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import type { EndpointSettings } from '../docker-types.ts';
import { parseMode } from '../spec/modes.ts';
import { dnsNames } from './names.ts';
import { shownPorts } from './ports.ts';

export function networkSettings(context: EngineContext, container: Container): object {
  const onDefault = container.record.endpoints.find(({ networkId }) => networkId === context.networks.find('bridge')?.id);
  return {
    Bridge: '',
    ...sandbox(container),
    Ports: shownPorts(context, container),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    // Of the default network alone, as before there were others.
    EndpointID: onDefault?.id ?? '',
    Gateway: onDefault?.ipv4?.gateway ?? '',
    GlobalIPv6Address: onDefault?.ipv6?.address ?? '',
    GlobalIPv6PrefixLen: onDefault?.ipv6?.prefixLength ?? 0,
    IPAddress: onDefault?.ipv4?.address ?? '',
    IPPrefixLen: onDefault?.ipv4?.prefixLength ?? 0,
    IPv6Gateway: onDefault?.ipv6?.gateway ?? '',
    MacAddress: onDefault?.mac ?? '',
    Networks: shownEndpoints(context, container),
  };
}

/** The network namespace of its own that a running container has, and an id of it. */
function sandbox({ state, record }: Container): { SandboxID: string; SandboxKey: string } {
  if (!isAlive(state) || parseMode(record.hostConfig.NetworkMode).kind === 'container') return { SandboxID: '', SandboxKey: '' };
  return { SandboxID: derivedId('sandbox', record.id, state.startedAt), SandboxKey: `/proc/${state.pid}/ns/net` };
}

const derivedId = (...parts: readonly string[]): string => createHash('sha256').update(parts.join(' ')).digest('hex');

/** The value of `Networks`: one endpoint for each network; of the modes host and none one without an interface. */
export function shownEndpoints(context: EngineContext, container: Container): Record<string, object> {
  const { record, state } = container;
  const mode = record.hostConfig.NetworkMode ?? 'bridge';
  if (mode.startsWith('container:') || record.config.NetworkDisabled === true) return {};
  const { kind } = parseMode(mode);
  if (kind === 'host' || (kind === 'none' && Object.keys(record.networks).length === 0)) {
    const joined = state.status !== 'created';
    const id = joined && isAlive(state) ? derivedId('endpoint', record.id, mode) : '';
    return { [mode]: shown({}, joined ? context.networks.find(mode)?.id ?? '' : '', id, undefined, null) };
  }
  return Object.fromEntries(Object.entries(record.networks).map(([asked, settings]) => {
    const network = context.networks.find(asked);
    const endpoint = record.endpoints.find(({ networkId }) => networkId === network?.id);
    // A container that was started by an earlier version has no notes.
    const isNoted = settings.DNSNames !== undefined || state.status === 'created';
    const id = settings.NetworkID ?? (isNoted ? '' : network?.id ?? '');
    const names = settings.DNSNames ?? (isNoted ? null : dnsNames(container, settings));
    // The default network has no name service of its own.
    return [network?.name ?? asked, shown(settings, id, endpoint?.id ?? '', endpoint, network?.name === 'bridge' ? null : names)];
  }));
}

function shown(settings: EndpointSettings, networkId: string, id: string, endpoint: Endpoint | undefined, names: readonly string[] | null): object {
  return {
    IPAMConfig: settings.IPAMConfig ?? null, Links: settings.Links ?? null, Aliases: settings.Aliases ?? null,
    MacAddress: endpoint?.mac ?? '', DriverOpts: settings.DriverOpts ?? null, GwPriority: settings.GwPriority ?? 0,
    NetworkID: networkId, EndpointID: id,
    Gateway: endpoint?.ipv4?.gateway ?? '', IPAddress: endpoint?.ipv4?.address ?? '', IPPrefixLen: endpoint?.ipv4?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6?.gateway ?? '', GlobalIPv6Address: endpoint?.ipv6?.address ?? '',
    GlobalIPv6PrefixLen: endpoint?.ipv6?.prefixLength ?? 0, DNSNames: names,
  };
}
