/** `--link` on the default network (legacy, but what Docker Engine 28 still does): names in /etc/hosts, and an environment that tells of the other. */
import { conflict, invalidParameter, isClass, notFound, systemError } from '../errors.ts';
import type { EndpointAddress } from '../network/network.ts';
import type { Container, ContainerLink, ContainerRecord } from './container.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { ContainerConfig, HostConfig } from './docker-types.ts';
import { updateLinkedHosts } from './hosts-file.ts';
import { containerPaths } from './paths.ts';
import { parseMode } from './spec/modes.ts';

/** Networks that exist before any network is made: on others a link is a name of its endpoint's settings. */
const builtInNetworks = new Set(['', 'bridge', 'default', 'none', 'nat']);

function usesLegacyLinks({ NetworkMode = '' }: HostConfig): boolean {
  const mode = parseMode(NetworkMode);
  return mode.kind === 'none' || builtInNetworks.has(mode.kind === 'other' ? mode.text : NetworkMode);
}

/** The containers that `Links` names, at create. Throws invalid-parameter for one that there is not, so that no client looks for an image. */
export function resolveLinks({ registry }: EngineContext, hostConfig: HostConfig): ContainerLink[] {
  if (!usesLegacyLinks(hostConfig)) return [];
  const links = (hostConfig.Links ?? []).map((text) => {
    const { name, alias } = parseLink(text);
    try {
      const target = registry.get(name);
      if (parseMode(target.record.hostConfig.NetworkMode).kind === 'host') {
        throw invalidParameter("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
      }
      return { containerId: target.id, name: target.record.name, alias };
    } catch (error) {
      if (!isClass(error, 'not-found') && name !== '') throw error;
      throw invalidParameter(`could not get container for ${name}: ${(error as Error).message}`, { object: name, cause: error });
    }
  });
  return links.filter(({ alias }, index) => links.findIndex((other) => other.alias === alias) === index);
}

/** `NAME`, `NAME:ALIAS`, or as inspect shows them, `/NAME:/OWN/ALIAS`. */
function parseLink(text: string): { name: string; alias: string } {
  const [name = '', alias = name, ...more] = text.split(':');
  if (text === '') throw invalidParameter('empty string specified for links');
  if (more.length > 0) throw invalidParameter(`bad format for links: ${text}`);
  return name.startsWith('/') && alias.startsWith('/') ? { name: name.slice(1), alias: alias.slice(alias.lastIndexOf('/') + 1) } : { name, alias: alias.replace(/^\/+/, '') };
}

/** `HostConfig.Links` as inspect shows it: under the names of today. */
export function shownLinks(context: EngineContext, { record }: Container): string[] | null {
  const links = record.links ?? [];
  return links.length === 0 ? null : links.map((link) => `/${targetName(context, link)}:/${record.name}/${link.alias}`);
}

/** The names by which links call containers, by their id: `/OWN/ALIAS`. */
export function linkNames({ registry }: EngineContext): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { record } of registry.all()) {
    for (const { containerId, alias } of record.links ?? []) names.set(containerId, [...names.get(containerId) ?? [], `/${record.name}/${alias}`]);
  }
  return names;
}

const targetName = ({ registry }: EngineContext, { containerId, name }: ContainerLink): string => registry.find(containerId)?.record.name ?? name;

/** What is linked must run, on the default network, before a container starts. Throws system. */
export function checkLinks(context: EngineContext, { record }: Container): void {
  if (parseMode(record.hostConfig.NetworkMode).kind === 'none') return; // nothing is looked up there
  for (const link of record.links ?? []) {
    const target = context.registry.find(link.containerId);
    if (target === undefined || !isAlive(target.state)) {
      throw systemError(`Cannot link to a non running container: /${targetName(context, link)} AS /${record.name}/${link.alias}`);
    }
    if (addressOf(context, target.record) === undefined) throw systemError(`container ${target.id} not attached to default bridge network`);
  }
}

interface Linked {
  readonly alias: string;
  readonly address: EndpointAddress;
  readonly target: ContainerRecord;
}

function linked(context: EngineContext, { record }: Container): Linked[] {
  return (record.links ?? []).flatMap(({ containerId, alias }) => {
    const target = context.registry.find(containerId)?.record;
    const address = target === undefined ? undefined : addressOf(context, target);
    return target === undefined || address === undefined ? [] : [{ alias, address, target }];
  });
}

function addressOf({ networks }: EngineContext, { endpoints }: ContainerRecord): EndpointAddress | undefined {
  const id = networks.find('bridge')?.id;
  return endpoints.find(({ networkId }) => networkId === id)?.ipv4 ?? undefined;
}

/** Lines of /etc/hosts. */
export const linkHosts = (context: EngineContext, container: Container): string[] =>
  linked(context, container).map(({ alias, address, target }) => `${address.address}\t${hostNames(alias, target)}`);

/** The alias, the host name, and the name where it is another. */
const hostNames = (alias: string, { name, config }: ContainerRecord): string => [alias, config.Hostname ?? '', ...(alias === name ? [] : [name])].join(' ');

/** A container has started, perhaps with another address: those that are linked to it and run learn it. */
export function tellLinked(context: EngineContext, { record: target }: Container): void {
  const address = addressOf(context, target)?.address;
  for (const { id, record } of context.registry.all()) {
    if (!isAlive(record.state) || address === undefined) continue;
    const { hosts } = containerPaths(context.settings.dataRoot, id);
    for (const { alias } of (record.links ?? []).filter(({ containerId }) => containerId === target.id)) updateLinkedHosts(hosts, hostNames(alias, target), address);
  }
}

/** `OWN/ALIAS`, with or without a slash before it: whose link, and which. */
function findLink({ registry }: EngineContext, ref: string): { readonly owner: Container; readonly link: ContainerLink } | undefined {
  const [ownName = '', alias = ''] = ref.replace(/^\//, '').split('/');
  const owner = alias === '' ? undefined : registry.find(ownName);
  const link = owner?.record.links?.find((each) => each.alias === alias);
  return owner === undefined || link === undefined ? undefined : { owner, link };
}

/** `docker rm --link OWN/ALIAS`. Throws not-found, or conflict for a container's own name. */
export function removeLink(context: EngineContext, ref: string): void {
  if (!ref.replace(/^\//, '').includes('/')) throw conflict('Conflict, cannot remove the default link name of the container', { object: ref });
  const found = findLink(context, ref);
  if (found === undefined) throw notFound(`No such container: ${ref}`, { object: ref });
  const { owner, link } = found;
  const target = context.registry.find(link.containerId);
  owner.record.links = (owner.record.links ?? []).filter((each) => each !== link);
  context.registry.save(owner);
  if (isAlive(owner.state) && target !== undefined) {
    updateLinkedHosts(containerPaths(context.settings.dataRoot, owner.id).hosts, hostNames(link.alias, target.record), undefined);
  }
}

/** The configuration with what links add to the environment, which the container's own replaces. */
export function withLinkEnvironment(context: EngineContext, container: Container): ContainerConfig {
  const { config } = container.record;
  const added = linked(context, container).flatMap((link) => environmentOf(link, container.record.name));
  return added.length === 0 ? config : { ...config, Env: [...added, ...config.Env ?? []] };
}

interface Port {
  readonly number: number;
  readonly protocol: string;
}

function environmentOf({ alias, address: { address }, target }: Linked, ownName: string): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const ports = exposedPorts(target.config);
  const [first] = ports;
  const given = (target.config.Env ?? []).filter((entry) => entry.includes('=') && !/^(?:HOME|PATH)=/.test(entry));
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${urlOf(address, first)}`]),
    ...ports.flatMap((port) => portEnvironment(prefix, address, port)),
    ...rangesOf(ports).flatMap(([start, end]) => rangeEnvironment(prefix, address, start, end)),
    `${prefix}_NAME=/${ownName}/${alias}`,
    ...given.map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

/** TCP first, each protocol by number. */
function exposedPorts({ ExposedPorts }: ContainerConfig): Port[] {
  return Object.keys(ExposedPorts ?? {}).map((text) => {
    const [number = '', protocol = 'tcp'] = text.split('/');
    return { number: Number(number), protocol };
  }).toSorted((a, b) => Number(b.protocol === 'tcp') - Number(a.protocol === 'tcp') || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.number - b.number));
}

const urlOf = (address: string, { number, protocol }: Port): string => `${protocol}://${address}:${number}`;
const prefixOf = (prefix: string, { number, protocol }: Port): string => `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;

function portEnvironment(prefix: string, address: string, port: Port): string[] {
  const name = prefixOf(prefix, port);
  return [`${name}=${urlOf(address, port)}`, `${name}_ADDR=${address}`, `${name}_PORT=${port.number}`, `${name}_PROTO=${port.protocol}`];
}

/** Consecutive ports of one protocol, where there are two or more. */
function rangesOf(ports: readonly Port[]): [start: Port, end: Port][] {
  const ranges: [Port, Port][] = [];
  for (const port of ports) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1].protocol === port.protocol && last[1].number + 1 === port.number) last[1] = port;
    else ranges.push([port, port]);
  }
  return ranges.filter(([start, end]) => start !== end);
}

function rangeEnvironment(prefix: string, address: string, start: Port, end: Port): string[] {
  const name = prefixOf(prefix, start);
  return [
    `${name}_START=${urlOf(address, start)}`, `${name}_PORT_START=${start.number}`,
    `${name}_END=${urlOf(address, end)}`, `${name}_PORT_END=${end.number}`,
  ];
}
