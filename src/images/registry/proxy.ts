/** Which proxy stands before a server: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's golang.org/x/net/http/httpproxy reads them. */
import { BlockList, isIP } from 'node:net';

export interface ProxySettings {
  readonly http: string;
  readonly https: string;
  /** Hosts, domains, addresses and blocks of them, separated by commas. */
  readonly none: string;
}

export const noProxies: ProxySettings = { http: '', https: '', none: '' };

/** From environment variables; those in capitals come first. */
export function proxySettings(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const value = (name: string) => environment[name.toUpperCase()] || environment[name] || '';
  return { http: value('http_proxy'), https: value('https_proxy'), none: value('no_proxy') };
}

/** Undefined: connect directly. */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const text = url.protocol === 'https:' ? settings.https : settings.http;
  if (text === '' || bypasses(url, settings.none)) return undefined;
  const full = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  return URL.canParse(full) ? new URL(full) : undefined;
}

function bypasses({ hostname, port, protocol }: URL, none: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  // Go never sends these through a proxy.
  if (host === 'localhost' || isLoopback(host)) return true;
  const number = port || (protocol === 'https:' ? '443' : '80');
  return none.split(',').some((entry) => matches(entry.trim().toLowerCase(), host, number));
}

const isLoopback = (host: string) => host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const block = /^(.+)\/(\d+)$/.exec(entry);
  if (block) return inBlock(host, block[1]!, Number(block[2]));
  const [, name = entry, only] = /^(.*?|\[.*\])(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  if (name.startsWith('.') || name.startsWith('*.')) return host.endsWith(`.${domain}`);
  return host === domain || (isIP(domain) === 0 && host.endsWith(`.${domain}`));
}

/** Whether an address is in `network/length`; false for what is no address. */
export function inBlock(address: string, network: string, length: number): boolean {
  const [version, other] = [isIP(address), isIP(network)];
  if (version === 0 || version !== other || length > (version === 6 ? 128 : 32)) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, length, family);
  return list.check(address, family);
}
