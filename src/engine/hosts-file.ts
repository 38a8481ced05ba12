/** `/etc/hosts` of a container, as Docker Engine 28 writes it. What the container itself adds stays when its networks change. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { systemError } from '../errors.ts';
import type { Endpoint } from '../network/network.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';

const localHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The whole text at a start; `links`: lines of other containers. Throws system for `host-gateway` where there is none. */
export function hostsFile(context: EngineContext, { record }: Container, links: readonly string[]): string {
  const extra = (record.hostConfig.ExtraHosts ?? []).flatMap((entry) => extraHost(context, entry));
  if (record.hostConfig.NetworkMode === 'host' && extra.length === 0) return readText('/etc/hosts');
  const own = record.endpoints.flatMap((endpoint) => ownHosts(record.config, endpoint));
  return `${[...localHosts, ...extra, ...links, ...own].join('\n')}\n`;
}

/** A container that runs has a new endpoint. */
export function addHosts(path: string, { record }: Container, endpoint: Endpoint): void {
  appendFileSync(path, ownHosts(record.config, endpoint).map((line) => `${line}\n`).join(''));
}

/** Bytes of a file that is read; a container may have made of it what it likes. */
const maxSize = 1024 * 1024;

export function removeHosts(path: string, { record }: Container, endpoint: Endpoint): void {
  if (statSync(path).size > maxSize) return;
  const gone = new Set(ownHosts(record.config, endpoint));
  // In place: the file is bound into the container.
  writeFileSync(path, readFileSync(path, 'latin1').split('\n').filter((line) => !gone.has(line)).join('\n'), 'latin1');
}

/** A container that is linked has another address, or, without one, is linked no more. In place, as above. */
export function updateLinkedHosts(path: string, names: string, address: string | undefined): void {
  if (statSync(path).size > maxSize) return;
  const kept = readFileSync(path, 'latin1').split('\n').filter((line) => line.slice(line.indexOf('\t') + 1) !== names || !line.includes('\t'));
  const text = kept.join('\n');
  writeFileSync(path, address === undefined ? text : `${text}${address}\t${names}\n`, 'latin1');
}

/** With the whole name, and the part of it before the first dot. */
function ownHosts({ Hostname = '', Domainname = '' }: Container['record']['config'], { ipv4, ipv6 }: Endpoint): string[] {
  const whole = Domainname === '' ? Hostname : `${Hostname}.${Domainname}`;
  const names = whole.includes('.') ? `${whole} ${whole.slice(0, whole.indexOf('.'))}` : whole;
  return [ipv4, ipv6].flatMap((each) => (each === null ? [] : [`${each.address}\t${names}`]));
}

/** `NAME:ADDRESS`, where the address may be in brackets, or `host-gateway` for that of the host. */
function extraHost({ settings, networks }: EngineContext, entry: string): string[] {
  const colon = entry.indexOf(':');
  if (colon < 0) return [];
  const [name, address] = [entry.slice(0, colon), entry.slice(colon + 1)];
  if (address !== 'host-gateway') return [`${address.replace(/^\[(.*)\]$/, '$1')}\t${name}`];
  const gateways = settings.hostGateways.length > 0
    ? settings.hostGateways
    : (networks.find('bridge')?.pools ?? []).flatMap(({ gateway }) => (gateway === '' ? [] : [gateway]));
  if (gateways.length === 0) throw systemError('unable to derive the IP value for host-gateway');
  return gateways.map((gateway) => `${gateway}\t${name}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a host without the file: Docker treats it as empty too
  }
}
