/** `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container, as Docker writes them; bound over the image's own. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { containerPaths } from './paths.ts';

const localHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** Resolvers when the host has none that a container could reach; Docker's choice too. */
const fallbackNameservers = ['8.8.8.8', '8.8.4.4'];

/** Writes the three files anew: every start sees the host's current resolvers. A joined network namespace shares its owner's files. */
export function writeNetworkFiles(context: EngineContext, container: Container): void {
  const { config, hostConfig } = container.record;
  const mode = hostConfig.NetworkMode ?? 'default';
  if (mode.startsWith('container:')) return;
  const paths = containerPaths(context.settings.dataRoot, container.id);
  writeFileSync(paths.hostname, `${config.Hostname ?? ''}\n`, { mode: 0o644 });
  writeFileSync(paths.hosts, hostsFile(container, mode === 'host'), { mode: 0o644 });
  writeFileSync(paths.resolvConf, resolvConf(container, mode === 'host'), { mode: 0o644 });
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

function resolvConf(container: Container, hostNetwork: boolean): string {
  const { Dns, DnsSearch, DnsOptions } = container.record.hostConfig;
  const host = readText('/etc/resolv.conf');
  if (hostNetwork && !Dns?.length && !DnsSearch?.length && !DnsOptions?.length) return host;
  const words = (key: string) => host.split('\n').flatMap((line) => {
    const [first, ...rest] = line.trim().split(/\s+/);
    return first === key ? rest : [];
  });
  const reachable = words('nameserver').filter((address) => hostNetwork || !/^(127\.|::1$)/.test(address));
  const servers = Dns?.length ? Dns : reachable.length > 0 ? reachable : fallbackNameservers;
  const search = DnsSearch?.length ? DnsSearch.filter((domain) => domain !== '.') : words('search');
  const options = DnsOptions?.length ? DnsOptions : words('options');
  return [
    ...servers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a host without the file: Docker treats it as empty too
  }
}
