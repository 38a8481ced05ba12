/** What a client asks for when it makes a network, and whether it may. */
import { forbidden, invalidParameter, notFound } from '../errors.ts';
import type { NetworkTable } from './network-table.ts';
import { isPredefined } from './predefined.ts';
import { validateIpam } from './ipam-validation.ts';
import type { IpamConfig, NetworkDriverName, NetworkRecord } from './network.ts';

export interface NetworkRequest {
  readonly name: string;
  /** Empty: bridge. */
  readonly driver: string;
  readonly scope: string;
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly configOnly: boolean;
  /** Empty: none. */
  readonly configFrom: string;
  readonly ipam: { readonly driver: string; readonly options: Readonly<Record<string, string>> | null; readonly config: readonly IpamConfig[] };
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** Throws, in Docker's words and order, for what no network can be. Addresses and options of a driver are looked at later. */
export function checkRequest(request: NetworkRequest): void {
  const { name, driver } = request;
  if (isPredefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network `);
  if (driver === 'overlay') {
    throw forbidden('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.');
  }
  validateIpam(request.ipam.config, request.enableIPv6);
  if (name.trim() === '') throw invalidParameter('invalid name: name is empty');
  if (request.scope === 'swarm') throw forbidden('cannot create a swarm scoped network when swarm is not active');
  if (!request.enableIPv4 && !request.enableIPv6) throw invalidParameter('IPv4 or IPv6 must be enabled');
}

/** Which driver it is. Throws not-found for one that there is not. */
export function driverOf({ driver, configOnly }: NetworkRequest): NetworkDriverName {
  if (configOnly) return 'null';
  switch (driver) {
    case '':
    case 'bridge':
    case 'macvlan':
    case 'ipvlan':
      return driver === '' ? 'bridge' : driver;
    case 'host':
    case 'null':
      throw forbidden(`only one instance of "${driver}" network is allowed`);
    default:
      throw notFound(`plugin "${driver}" not found`);
  }
}

/** Throws unless the addresses are to be managed here. */
export function checkIpamDriver(driver: string): void {
  if (driver === 'null') throw invalidParameter('ipv4 pool is empty');
  if (driver !== '' && driver !== 'default') throw notFound(`plugin "${driver}" not found`);
}

/** The request with the configuration of the network that it refers to. Throws when it brings one of its own as well. */
export function withConfiguration(request: NetworkRequest, table: NetworkTable): NetworkRequest {
  if (request.configFrom === '') return request;
  const source = table.all().find(({ name, id, configOnly }) => configOnly && (name === request.configFrom || id === request.configFrom));
  if (source === undefined) throw notFound(`configuration network "${request.configFrom}" does not exist`);
  if (hasConfiguration(request)) {
    throw forbidden('user specified configurations are not supported if the network depends on a configuration network');
  }
  const { enableIPv4, enableIPv6, ipam, options, labels } = source;
  return { ...request, configFrom: source.name, enableIPv4, enableIPv6, ipam, options, labels };
}

const hasConfiguration = ({ ipam, options, labels, enableIPv6, internal }: NetworkRequest): boolean =>
  ipam.config.length > 0 || Object.keys(options).length > 0 || Object.keys(labels).length > 0 || enableIPv6 || internal;

/** Who has its configuration from a network. */
export const dependants = (network: NetworkRecord, table: NetworkTable): readonly NetworkRecord[] =>
  network.configOnly ? table.all().filter(({ configFrom }) => configFrom === network.name) : [];
