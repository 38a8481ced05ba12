/** What a plan does to give a container a name service: sockets in its network namespace, and a table that leads port 53 to them. */
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { destinationAddress, destinationPort, dnat, hostOrder32, lookUp, matches, meta, portKey } from '../../linux/netlink/expressions.ts';
import { encodeNetlink, messageFlag, type NetlinkMessage } from '../../linux/netlink/message.ts';
import { addElements, be32, concatenated, newChain, newRule, newSet, nftAttribute, nftBatch, nftMessage } from '../../linux/netlink/nftables.ts';
import { nameFlag, type Operation } from '../../runtime/plan/operations.ts';
import { limits } from '../../runtime/shim/protocol.ts';
import { addressBytes } from '../address-bytes.ts';
import { lowerCase } from './table.ts';

/** Docker's, of every container on a network with names. */
export const nameServiceAddress = '127.0.0.11';

/** A name server for what a container's networks do not know. */
export interface NameServer {
  readonly address: string;
  /** It is asked from the host's network, not from the container's. */
  readonly fromHost: boolean;
}

/** What a container finds, and where it looks. */
export interface NameSettings {
  /** The files of its networks (table.ts), in the order in which they are asked. */
  readonly tables: readonly string[];
  /** Names that only this container has for others, each in the table with the number `table`. */
  readonly links: readonly { readonly table: number; readonly alias: string; readonly target: string }[];
  /** At most three are asked. */
  readonly servers: readonly NameServer[];
  readonly ndotsSet: boolean;
  /** The container reaches the outside. */
  readonly outside: boolean;
  /**
   * The container does not know of the service, and asks the servers: what it sends them is led here, they are asked first, and the tables
   * for what they do not have. `search` are the domains below which the container looks a name up first: where no server answers, such a name is that of a container.
   */
  readonly last: boolean;
  readonly search: readonly string[];
}

/** Whether the container itself listens on port 53 of all its addresses, or flushes its rules, makes no difference. */
export function nameServiceOperation({ tables, links, servers, ndotsSet, outside, last, search }: NameSettings): Operation {
  const asked = askedServers(servers, last);
  return {
    name: 'nameService', reason: 'names of the others on its networks', address: addressBytes(nameServiceAddress),
    ...(last ? redirect(asked.map(({ address }) => address)) : plainRedirection ??= redirect([])),
    tables, linkNames: links.map(({ alias }) => lowerCase(alias)), linkTargets: links.map(({ target }) => lowerCase(target)),
    linkTables: links.map(({ table }) => table), servers: encodeServers(asked), search: search.map((domain) => lowerCase(domain.replace(/\.$/, ''))),
    flags: (ndotsSet ? nameFlag.ndotsSet : 0) | (outside ? nameFlag.outside : 0) | (last ? nameFlag.last : 0),
  };
}

/** Docker's, and what C libraries ask (resolv.conf(5), MAXNS). */
const maxServers = 3;

/** Those that are led here are of IPv4, each once. */
function askedServers(servers: readonly NameServer[], last: boolean): readonly NameServer[] {
  // Asking ourselves has no end.
  const others = servers.filter(({ address, fromHost }) => fromHost || address !== nameServiceAddress).slice(0, maxServers);
  return last ? others.filter(({ address }, index) => isIPv4(address) && others.findIndex((each) => each.address === address) === index) : others;
}

/** Of each, in 24 bytes: u32 whether it is asked from the host, u32 the interface of a link-local address, the address, one of IPv4 mapped into IPv6. */
function encodeServers(servers: readonly NameServer[]): Uint8Array {
  return Buffer.concat(servers.map(({ address, fromHost }) => {
    const [bare = '', zone] = address.split('%');
    const bytes = addressBytes(bare);
    const mapped = bytes.length === 4 ? Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff), bytes]) : bytes;
    const head = Buffer.alloc(8);
    head.writeUInt32LE(fromHost ? 1 : 0, 0);
    head.writeUInt32LE(zone === undefined ? 0 : interfaceIndex(zone), 4);
    return Buffer.concat([head, mapped]);
  }));
}

/** 0 when the host has no such interface. */
const interfaceIndex = (name: string): number => networkInterfaces()[name]?.find(({ family }) => family === 'IPv6')?.scopeid ?? 0;

const table = 'caisson-names';
const map = 'service';
const chain = 'output';
const dnsPort = 53;
const ipProtocol = { tcp: 6, udp: 17 } as const;
const nfprotoInet = 1;
const nfprotoIPv4 = 2;
/** Before a container's own translation of addresses (NF_IP_PRI_NAT_DST, -100). */
const priority = -110;

/** NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER (Linux 5.12): the table goes with the socket that made it, and nobody else can touch it. */
const tableFlags = 2;
const ownedByItsSocket = 2;

const ownTable: NetlinkMessage = {
  type: nftMessage.NEWTABLE, flags: messageFlag.NLM_F_CREATE | messageFlag.NLM_F_EXCL, body: Uint8Array.of(nfprotoInet, 0, 0, 0),
  attributes: [{ type: nftAttribute.TABLE_NAME, value: table }, { type: tableFlags, value: be32(ownedByItsSocket) }],
};

/** What is sent to port 53 of an address. The port it is led to is the kernel's choice: known to the helper alone, which writes it into the last register. */
const element = (protocol: number, address: string): NetlinkMessage[] => addElements(table, map, [{
  key: concatenated([Uint8Array.of(protocol), addressBytes(address)]), data: concatenated([addressBytes(nameServiceAddress), portKey(0)]),
}]);
const registerSize = 4;

interface Redirection {
  readonly messages: Uint8Array;
  readonly portOffsets: readonly number[];
}

/** The same for every container that knows of the service. */
let plainRedirection: Redirection | undefined;

/** `servers`: those that queries over UDP are led away from. */
function redirect(servers: readonly string[]): Redirection {
  const rule = [
    ...matches(meta('nfproto'), Uint8Array.of(nfprotoIPv4)),
    ...matches(meta('mark'), hostOrder32(limits.nameMark), 'neq'),
    ...matches(destinationPort, portKey(dnsPort)),
    ...lookUp(map, meta('l4proto'), destinationAddress[4]),
    ...dnat(4),
  ];
  const before = [
    ownTable,
    newSet(table, { name: map, key: ['protocol', 'ipv4'], data: ['ipv4', 'port'] }, 1),
    newChain(table, { name: chain, base: { type: 'nat', hook: 'output', priority }, rules: [] }),
    newRule(table, chain, rule),
  ];
  const elements = [
    element(ipProtocol.udp, nameServiceAddress), element(ipProtocol.tcp, nameServiceAddress), ...servers.map((server) => element(ipProtocol.udp, server)),
  ].flat();
  const messages = nftBatch([...before, ...elements]);
  // An element's data is the last thing in its message; the first message begins the batch.
  const endOf = (count: number) => encodeNetlink(messages.slice(0, count)).length;
  return { messages: encodeNetlink(messages), portOffsets: elements.map((_, index) => endOf(1 + before.length + index + 1) - registerSize) };
}
