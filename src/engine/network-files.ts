/** `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container, as Docker writes them; bound over the image's own. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { nameServiceAddress } from '../network/dns/service-operation.ts';
import type { Endpoint } from '../network/network.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { addHosts, hostsFile, removeHosts } from './hosts-file.ts';
import { linkHosts } from './links.ts';
import { type ContainerPaths, containerPaths } from './paths.ts';
import { type HostFile, makeResolvConf, type ResolvConf, type ResolvConfPlace } from './resolv-conf.ts';

/** Writes the three files anew: every start sees the host's current resolvers. A joined network namespace shares its owner's files. */
export function writeNetworkFiles(context: EngineContext, container: Container): void {
  const { config, hostConfig } = container.record;
  if ((hostConfig.NetworkMode ?? '').startsWith('container:')) return;
  const paths = containerPaths(context.settings.dataRoot, container.id);
  writeFileSync(paths.hostname, `${config.Hostname ?? ''}\n`, { mode: 0o644 });
  writeFileSync(paths.hosts, hostsFile(context, container, linkHosts(context, container)), { mode: 0o644 });
  writeResolvConf(paths, resolvConfOf(context, container).text);
}

/** A container that runs has a new endpoint: its address has its names, and a name service that is new is used, unless the user has changed the file. */
export function addToNetworkFiles(context: EngineContext, container: Container, endpoint: Endpoint): void {
  const paths = containerPaths(context.settings.dataRoot, container.id);
  addHosts(paths.hosts, container, endpoint);
  if (context.names.networksOf(container).length > 0 && isAsWritten(paths)) writeResolvConf(paths, resolvConfOf(context, container).text);
}

/** One that had a name service keeps it, without names: so does Docker. */
export function removeFromNetworkFiles(context: EngineContext, container: Container, endpoint: Endpoint): void {
  removeHosts(containerPaths(context.settings.dataRoot, container.id).hosts, container, endpoint);
}

function writeResolvConf({ resolvConf, resolvConfHash }: ContainerPaths, text: string): void {
  writeFileSync(resolvConf, text, { mode: 0o644 });
  writeFileSync(resolvConfHash, hashOf(text), { mode: 0o644 });
}

const hashOf = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Bytes of a `resolv.conf` that nobody has changed. */
const maxSize = 64 * 1024;

function isAsWritten({ resolvConf, resolvConfHash }: ContainerPaths): boolean {
  return statSync(resolvConf).size <= maxSize && hashOf(readFileSync(resolvConf)) === readText(resolvConfHash);
}

/** The container's `resolv.conf`, and what it means for its name service. */
export function resolvConfOf(context: EngineContext, container: Container): ResolvConf {
  const { Dns, DnsSearch, DnsOptions, NetworkMode } = container.record.hostConfig;
  const overrides = { servers: Dns ?? [], search: DnsSearch ?? [], options: DnsOptions ?? [] };
  const place = placeOf(context, container, NetworkMode === 'host');
  return makeResolvConf(hostFile(place), overrides, place);
}

function placeOf(context: EngineContext, container: Container, hostNetwork: boolean): ResolvConfPlace {
  if (hostNetwork) return { kind: 'host' };
  if (context.names.networksOf(container).length > 0) return { kind: 'internal', address: nameServiceAddress };
  return { kind: 'plain', ipv6: container.record.endpoints.some(({ ipv6 }) => ipv6 !== null) };
}

const hostResolvConf = '/etc/resolv.conf';
/** Where systemd-resolved keeps the servers that it asks itself. */
const resolvedConf = '/run/systemd/resolve/resolv.conf';
const onlyResolved = /^127\.0\.0\.53$/;

/** A container that cannot reach systemd-resolved on the host's loopback gets the servers behind it (Docker 28). */
function hostFile({ kind }: ResolvConfPlace): HostFile {
  const text = readText(hostResolvConf);
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
  if (kind !== 'plain' || servers.length !== 1 || !onlyResolved.test(servers[0] ?? '')) return { path: hostResolvConf, text };
  const behind = readText(resolvedConf);
  return { path: behind === '' ? '' : resolvedConf, text: behind };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a host without the file: Docker treats it as empty too
  }
}
