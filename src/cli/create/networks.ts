/** `--network` in both its forms, and the options that apply to the first network. */
import type { Flags } from '../flags/values.ts';
import { csvFields } from './mounts.ts';
import { splitPair } from './key-values.ts';

/** The JSON of `EndpointSettings`, every field, as Docker's clients send it. */
interface Endpoint {
  IPAMConfig: Record<string, unknown> | null;
  Links: readonly string[] | null;
  Aliases: readonly string[] | null;
  MacAddress: string;
  DriverOpts: Record<string, string> | null;
  GwPriority: number;
  NetworkID: '';
  EndpointID: '';
  Gateway: '';
  IPAddress: '';
  IPPrefixLen: 0;
  IPv6Gateway: '';
  GlobalIPv6Address: '';
  GlobalIPv6PrefixLen: 0;
  DNSNames: null;
}

interface Attachment {
  target: string;
  aliases: string[];
  links: readonly string[];
  ipv4: string;
  ipv6: string;
  linkLocal: string[];
  mac: string;
  driverOptions: Record<string, string>;
  priority: number;
}

export interface Networking {
  readonly mode: string;
  readonly endpoints: Record<string, Endpoint>;
}

const BUILT_IN = /^(default|bridge|host|none|container:.*)$/;

/** Works out the network mode and the endpoints. Throws with Docker's texts. */
export function parseNetworks(flags: Flags): Networking {
  const given = flags.list('network');
  const attachments = given.length === 0 ? [attachment('default')] : given.map(parseNetwork);
  const first = attachments[0] as Attachment;
  applyOptions(first, flags);
  const endpoints: Record<string, Endpoint> = {};
  for (const one of attachments) {
    if (Object.hasOwn(endpoints, one.target)) throw new Error(`network ${JSON.stringify(one.target)} is specified multiple times`);
    const endpoint = toEndpoint(one);
    // A single network about which nothing else was said needs no endpoint; the one nobody asked for gets one.
    if (given.length !== 1 || !isEmpty(endpoint)) endpoints[one.target] = endpoint;
  }
  const builtIn = attachments.filter(({ target }) => BUILT_IN.test(target)).length;
  if (builtIn > 0 && builtIn < attachments.length) {
    throw new Error('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  }
  return { mode: first.target, endpoints };
}

function attachment(target: string): Attachment {
  return { target, aliases: [], links: [], ipv4: '', ipv6: '', linkLocal: [], mac: '', driverOptions: {}, priority: 0 };
}

/** `NAME`, or `name=NAME,alias=…,ip=…,ip6=…,driver-opt=K=V,mac-address=…,gw-priority=N`. */
function parseNetwork(text: string): Attachment {
  if (!text.includes('=')) return attachment(text);
  const result = attachment('');
  for (const field of csvFields(text)) {
    const [key, value] = splitPair(field);
    switch (key.trim().toLowerCase()) {
      case 'name': result.target = value; break;
      case 'alias': result.aliases.push(value); break;
      case 'ip': result.ipv4 = value; break;
      case 'ip6': result.ipv6 = value; break;
      case 'mac-address': result.mac = value; break;
      case 'link-local-ip': result.linkLocal.push(value); break;
      case 'driver-opt': result.driverOptions[splitPair(value)[0].trim().toLowerCase()] = splitPair(value)[1].trim(); break;
      case 'gw-priority': result.priority = Number(value); break;
      default: throw new Error(`invalid field key ${key}`);
    }
  }
  if (result.target === '') throw new Error('network name/id is not specified');
  return result;
}

const both = (option: string, what: string) => new Error(`conflicting options: cannot specify both --${option} and per-network ${what}`);

function applyOptions(first: Attachment, flags: Flags): void {
  const aliases = flags.list('network-alias');
  if (first.aliases.length > 0 && aliases.length > 0) throw both('network-alias', 'alias');
  if (first.ipv4 !== '' && flags.string('ip') !== '') throw both('ip', 'IPv4 address');
  if (first.ipv6 !== '' && flags.string('ip6') !== '') throw both('ip6', 'IPv6 address');
  if (first.mac !== '' && flags.string('mac-address') !== '') throw both('mac-address', 'MAC address');
  const mac = flags.string('mac-address');
  if (mac !== '' && !/^([0-9a-f]{2}([:-])[0-9a-f]{2}(\2[0-9a-f]{2}){4,6}|[0-9a-f]{4}(\.[0-9a-f]{4}){2,3})$/i.test(mac)) {
    throw new Error(`${mac} is not a valid mac address`);
  }
  const userDefined = !BUILT_IN.test(first.target);
  if (aliases.length > 0 && !userDefined) throw new Error('network-scoped aliases are only supported for user-defined networks');
  first.aliases.push(...aliases);
  if (userDefined) first.links = flags.list('link');
  first.ipv4 ||= flags.string('ip');
  first.ipv6 ||= flags.string('ip6');
  first.mac ||= mac;
  first.linkLocal.push(...flags.list('link-local-ip'));
}

function toEndpoint(one: Attachment): Endpoint {
  const addresses: Record<string, unknown> = {};
  if (one.ipv4 !== '') addresses['IPv4Address'] = one.ipv4;
  if (one.ipv6 !== '') addresses['IPv6Address'] = one.ipv6;
  if (one.linkLocal.length > 0) addresses['LinkLocalIPs'] = one.linkLocal;
  return {
    IPAMConfig: Object.keys(addresses).length === 0 ? null : addresses,
    Links: one.links.length === 0 ? null : one.links,
    Aliases: one.aliases.length === 0 ? null : one.aliases,
    MacAddress: one.mac,
    DriverOpts: Object.keys(one.driverOptions).length === 0 ? null : one.driverOptions,
    GwPriority: one.priority,
    NetworkID: '', EndpointID: '', Gateway: '', IPAddress: '', IPPrefixLen: 0, IPv6Gateway: '', GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0, DNSNames: null,
  };
}

function isEmpty(endpoint: Endpoint): boolean {
  return !endpoint.IPAMConfig && !endpoint.Links && !endpoint.Aliases && !endpoint.DriverOpts && endpoint.MacAddress === '' &&
    endpoint.GwPriority === 0;
}
