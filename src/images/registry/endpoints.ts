/** Where a repository's registry is: mirrors first, then the registry itself, in the order in which they are asked. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { invalidParameter } from '../../errors.ts';
import { defaultDomain } from '../reference.ts';
import { hostsFileOf, type Mirror, tlsOf } from './host-config.ts';
import { inBlock, noProxies, type ProxySettings } from './proxy.ts';
import type { TlsSettings } from './transport.ts';

/** How the daemon was told to reach registries. */
export interface RegistrySettings {
  /** `host[:port]` or blocks of addresses (`10.0.0.0/8`); loopback addresses are always among them. */
  readonly insecure: readonly string[];
  /** Base URLs of mirrors of Docker Hub. */
  readonly mirrors: readonly string[];
  /** See host-config.ts. */
  readonly certificates: string;
  readonly proxies: ProxySettings;
}

export const defaultRegistrySettings: RegistrySettings = { insecure: [], mirrors: [], certificates: '/etc/docker/certs.d', proxies: noProxies };

export interface Endpoint {
  /** Base of its API, `/v2` included; without a slash at the end. */
  readonly url: URL;
  readonly tls: TlsSettings;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stand-in: when it fails, for whatever reason, the next one is asked. It is not given the client's credentials. */
  readonly mirror: boolean;
  /** Tells which digest a tag has. */
  readonly resolves: boolean;
}

/** Docker Hub's registry has a name of its own. */
const hubHost = 'registry-1.docker.io';
const loopbackBlocks = ['127.0.0.0/8', '::1/128'];

/** The endpoints of a registry (the first part of a repository's full name). */
export async function endpointsFor(settings: RegistrySettings, domain: string, purpose: 'pull' | 'push'): Promise<Endpoint[]> {
  const hosts = hostsFileOf(settings.certificates, domain);
  const listed = (hosts?.mirrors ?? []).filter((mirror) => mirror[purpose]).map((mirror) => ofMirror(mirror));
  const hubMirrors = domain === defaultDomain && purpose === 'pull' && listed.length === 0 ? await hubMirrorsOf(settings) : [];
  const own = hosts?.server ? [{ ...ofMirror(hosts.server), mirror: false, resolves: true }] : await ownEndpoints(settings, domain);
  return [...listed, ...hubMirrors, ...own];
}

const ofMirror = ({ url, tls, headers, resolve }: Mirror): Endpoint => ({ url, tls, headers, mirror: true, resolves: resolve });

async function hubMirrorsOf(settings: RegistrySettings): Promise<Endpoint[]> {
  return Promise.all(settings.mirrors.map(async (text) => {
    const url = new URL(text);
    const tls = tlsOf(settings.certificates, url.host, await isInsecure(settings, url.host));
    return { url: new URL(`${url.origin}${url.pathname.replace(/\/$/, '')}/v2`), tls, headers: {}, mirror: true, resolves: true };
  }));
}

/** The registry itself; an insecure one is tried without TLS, too. */
async function ownEndpoints(settings: RegistrySettings, domain: string): Promise<Endpoint[]> {
  if (domain === defaultDomain) {
    return [{ url: new URL(`https://${hubHost}/v2`), tls: tlsOf(settings.certificates, hubHost, false), headers: {}, mirror: false, resolves: true }];
  }
  const insecure = await isInsecure(settings, domain);
  const tls = tlsOf(settings.certificates, domain, insecure);
  const schemes = insecure ? ['https', 'http'] : ['https'];
  return schemes.map((scheme) => ({ url: new URL(`${scheme}://${domain}/v2`), tls, headers: {}, mirror: false, resolves: true }));
}

/** True when a registry may be spoken to without TLS, or with a certificate nobody vouches for. */
export async function isInsecure({ insecure }: RegistrySettings, domain: string): Promise<boolean> {
  if (insecure.includes(domain)) return true;
  const host = domain.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await lookup(host, { all: true }).then((found) => found.map(({ address }) => address), () => []);
  const blocks = [...loopbackBlocks, ...insecure].map((block) => block.split('/')).filter((parts) => parts.length === 2);
  return addresses.some((address) => blocks.some(([network, length]) => inBlock(address, network!, Number(length))));
}

/**
 * A mirror of Docker Hub as the daemon's options name it, with a slash at its end.
 * @throws invalid-parameter in Docker's words
 */
export function validateMirror(text: string): string {
  const fault = (why: string) => invalidParameter(`invalid mirror: ${why}`, { object: text });
  if (!URL.canParse(text)) throw fault(`${JSON.stringify(text)} is not a valid URI`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fault(`unsupported scheme ${JSON.stringify(url.protocol.slice(0, -1))} in ${JSON.stringify(text)}: must use either 'https://' or 'http://'`);
  if (url.search !== '' || url.hash !== '') throw fault(`query or fragment at end of the URI ${JSON.stringify(text)}`);
  if (url.username !== '') throw fault(`username/password not allowed in URI ${JSON.stringify(text)}`);
  return `${text.replace(/\/+$/, '')}/`;
}

/**
 * An insecure registry as the daemon's options name it.
 * @throws invalid-parameter in Docker's words
 */
export function validateInsecure(text: string): string {
  const host = text.replace(/^https?:\/\//i, '');
  if (host.includes('://')) throw invalidParameter(`insecure registry ${text} should not contain '://'`, { object: text });
  if (host.startsWith('-') || host.endsWith('-') || host === '') throw invalidParameter(`insecure registry ${text} is not valid: invalid host ${JSON.stringify(host)}`, { object: text });
  return host;
}
