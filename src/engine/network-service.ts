/** The network part of the engine's interface. Connecting containers is the containers' part. */
import { forbidden, invalidParameter, notFound } from '../errors.ts';
import { parseGoBool } from '../network/bridge-options.ts';
import type { NetworkRecord } from '../network/network.ts';
import type { NetworkRequest } from '../network/network-request.ts';
import type { Networks } from '../network/networks.ts';
import { isPredefined } from '../network/predefined.ts';
import { matchesText } from './matches-text.ts';
import type { Filters, NetworkCreateRequest, NetworkService } from './engine.ts';
import { type EventBus, matchesLabel } from './events.ts';
import { type NamedEndpoint, shownNetwork } from './network-shape.ts';
import { labelsMatch, untilBound } from './prune.ts';
import { parseTime } from './timestamps.ts';

export interface NetworkServiceParts {
  readonly networks: Networks;
  readonly events: EventBus;
  /** The endpoints that running containers have on a network. */
  readonly endpointsOf: (networkId: string) => readonly NamedEndpoint[];
}

export function createNetworkService({ networks, events, endpointsOf }: NetworkServiceParts): NetworkService {
  const told = (action: string, { id, name, driver }: NetworkRecord) => events.publish('network', action, id, { name, type: driver });
  const remove = (network: NetworkRecord) => {
    networks.remove(network);
    told('destroy', network);
  };
  return {
    async list(filters) {
      checkFilters(filters);
      return networks.all().filter((network) => matches(network, filters, endpointsOf(network.id).length > 0)).map((network) => shownNetwork(network));
    },

    async inspect(ref, scope) {
      const network = networks.get(ref);
      if (scope !== '' && scope !== network.scope) throw notFound(`network ${ref} not found`, { object: ref });
      return shownNetwork(network, endpointsOf(network.id));
    },

    async create(request) {
      const { network, warning } = networks.create(asked(request));
      told('create', network);
      return { Id: network.id, Warning: warning };
    },

    async remove(ref) {
      const network = networks.get(ref);
      if (isPredefined(network.name)) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`, { object: network.name });
      refuseInUse(network, endpointsOf(network.id));
      remove(network);
    },

    async prune(filters) {
      if ((filters['until']?.length ?? 0) > 1) throw invalidParameter('more than one until filter specified');
      const until = untilBound(filters['until']?.[0]);
      const idle = networks.all().filter((network) => !isPredefined(network.name) && !network.configOnly && endpointsOf(network.id).length === 0
        && labelsMatch(network.labels, filters) && (until === undefined || (parseTime(network.created) ?? 0n) < until));
      for (const network of idle) remove(network);
      events.publish('network', 'prune', '', { reclaimed: '0' });
      return { NetworksDeleted: idle.length > 0 ? idle.map(({ name }) => name) : null };
    },
  };
}

function refuseInUse({ name }: NetworkRecord, endpoints: readonly NamedEndpoint[]): void {
  if (endpoints.length === 0) return;
  const users = endpoints.map(({ containerName, endpoint }) => `name:"${containerName}" id:"${endpoint.id.slice(0, 12)}"`).join(', ');
  throw forbidden(`error while removing network: network ${name} has active endpoints (${users})`, { object: name });
}

/** The request with its defaults. Throws for an option that switches a family and is no truth value. */
function asked(request: NetworkCreateRequest): NetworkRequest {
  const options = { ...request.Options };
  const family = (name: string, given: boolean | null | undefined, missing: boolean) => {
    const label = `com.docker.network.enable_${name}`;
    if (given === null || given === undefined) return optionBool(label, options[label], missing);
    // The field is what counts; the option would contradict it in inspect.
    delete options[label];
    return given;
  };
  return {
    name: request.Name ?? '',
    driver: request.Driver ?? '',
    scope: request.Scope ?? '',
    enableIPv4: family('ipv4', request.EnableIPv4, true),
    enableIPv6: family('ipv6', request.EnableIPv6, false),
    internal: request.Internal ?? false,
    attachable: request.Attachable ?? false,
    ingress: request.Ingress ?? false,
    configOnly: request.ConfigOnly ?? false,
    configFrom: request.ConfigFrom?.Network ?? '',
    ipam: {
      driver: request.IPAM?.Driver ?? '',
      options: request.IPAM?.Options ?? null,
      config: (request.IPAM?.Config ?? []).map((pool) => ({
        subnet: pool?.Subnet ?? '', ipRange: pool?.IPRange ?? '', gateway: pool?.Gateway ?? '', auxAddresses: sorted(pool?.AuxiliaryAddresses ?? {}),
      })),
    },
    options: sorted(options),
    labels: sorted(request.Labels ?? {}),
  };
}

/** Go writes maps in the order of their keys. */
const sorted = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).toSorted(([one], [other]) => (one < other ? -1 : 1)));

function optionBool(label: string, value: string | undefined, missing: boolean): boolean {
  const read = value === undefined ? missing : parseGoBool(value);
  if (read === undefined) throw invalidParameter(`driver-opt ${JSON.stringify(label)} is not a valid bool`);
  return read;
}

const truths: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };

function checkFilters(filters: Filters): void {
  const dangling = filters['dangling'] ?? [];
  if (dangling.length > 1) throw invalidParameter('got more than one value for filter key "dangling"');
  if (dangling.some((value) => !Object.hasOwn(truths, value))) {
    throw invalidParameter('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")');
  }
  const type = filters['type']?.find((value) => value !== 'custom' && value !== 'builtin');
  if (type !== undefined) throw invalidParameter(`invalid filter: 'type'='${type}'`);
}

function matches(network: NetworkRecord, filters: Filters, inUse: boolean): boolean {
  const any = (name: string, test: (value: string) => boolean): boolean => filters[name] === undefined || filters[name].length === 0 || filters[name].some(test);
  const builtin = isPredefined(network.name);
  return any('driver', (value) => network.driver === value)
    && any('name', (value) => matchesText(network.name, value))
    && any('id', (value) => matchesText(network.id, value))
    && any('scope', (value) => network.scope === value)
    && any('type', (value) => (value === 'builtin') === builtin)
    && (filters['label'] ?? []).every((value) => matchesLabel(network.labels, value))
    && any('dangling', (value) => truths[value] === (!builtin && !inUse));
}
