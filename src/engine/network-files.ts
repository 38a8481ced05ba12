/** `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container, as Docker writes them; bound over the image's own. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { containerPaths } from './paths.ts';
import { nameServiceAddress } from '../network/dns/service-operation.ts';
import { makeResolvConf, type ResolvConf, type ResolvConfPlace } from './resolv-conf.ts';

const localHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** Writes the three files anew: every start sees the host's current resolvers. A joined network namespace shares its owner's files. */
export function writeNetworkFiles(context: EngineContext, container: Container): void {
  const { config, hostConfig } = container.record;
  const mode = hostConfig.NetworkMode ?? 'default';
  if (mode.startsWith('container:')) return;
  const paths = containerPaths(context.settings.dataRoot, container.id);
  writeFileSync(paths.hostname, `${config.Hostname ?? ''}\n`, { mode: 0o644 });
  writeFileSync(paths.hosts, hostsFile(container, mode === 'host'), { mode: 0o644 });
  writeFileSync(paths.resolvConf, resolvConfOf(context, container).text, { mode: 0o644 });
}

function hostsFile(container: Container, hostNetwork: boolean): string {
  const own = hostNetwork ? readText('/etc/hosts').trimEnd().split('\n') : localHosts;
  const { Hostname = '', Domainname = '' } = container.record.config;
  const names = Domainname === '' ? Hostname : `${Hostname}.${Domainname} ${Hostname}`;
  const addresses = container.record.endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((each) => (each === null ? [] : [`${each.address}\t${names}`])));
  const extra = (container.record.hostConfig.ExtraHosts ?? []).flatMap((entry) => {
    const colon = entry.indexOf(':');
    const [name, address] = [entry.slice(0, colon), entry.slice(colon + 1)];
    return colon < 0 || address === 'host-gateway' ? [] : [`${address.replace(/^\[(.*)\]$/, '$1')}\t${name}`];
  });
  return `${[...own, ...addresses, ...extra].join('\n')}\n`;
}

/** The container's `resolv.conf`, and what it means for its name service. */
export function resolvConfOf(context: EngineContext, container: Container): ResolvConf {
  const { Dns, DnsSearch, DnsOptions, NetworkMode } = container.record.hostConfig;
  const overrides = { servers: Dns ?? [], search: DnsSearch ?? [], options: DnsOptions ?? [] };
  return makeResolvConf(readText('/etc/resolv.conf'), overrides, placeOf(context, container, NetworkMode === 'host'));
}

function placeOf(context: EngineContext, container: Container, hostNetwork: boolean): ResolvConfPlace {
  if (hostNetwork) return { kind: 'host' };
  if (context.names.networksOf(container).length > 0) return { kind: 'internal', address: nameServiceAddress };
  return { kind: 'plain', ipv6: container.record.endpoints.some(({ ipv6 }) => ipv6 !== null) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a host without the file: Docker treats it as empty too
  }
}
