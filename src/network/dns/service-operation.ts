/** What a plan does to give a container a name service: sockets in its network namespace, and a table that leads port 53 to them. */
import { destinationAddress, destinationPort, dnat, lookUp, matches, meta, portKey } from '../../linux/netlink/expressions.ts';
import { encodeNetlink, messageFlag, type NetlinkMessage } from '../../linux/netlink/message.ts';
import { addElements, be32, concatenated, newChain, newRule, newSet, nftAttribute, nftBatch, nftMessage } from '../../linux/netlink/nftables.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import { addressBytes } from '../address-bytes.ts';

/** Docker's, of every container on a network with names. */
export const nameServiceAddress = '127.0.0.11';

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

/** The port is the kernel's choice: known to the helper alone, which writes it into the last register of each element. */
const element = (protocol: number): NetlinkMessage[] =>
  addElements(table, map, [{ key: Uint8Array.of(protocol), data: concatenated([addressBytes(nameServiceAddress), portKey(0)]) }]);
const registerSize = 4;

let made: Operation | undefined;

/** Whether the container itself listens on port 53 of all its addresses, or flushes its rules, makes no difference. */
export const nameServiceOperation = (): Operation => (made ??= makeOperation());

function makeOperation(): Operation {
  const rule = [
    ...matches(meta('nfproto'), Uint8Array.of(nfprotoIPv4)),
    ...matches(destinationAddress[4], addressBytes(nameServiceAddress)),
    ...matches(destinationPort, portKey(dnsPort)),
    ...lookUp(map, meta('l4proto')),
    ...dnat(4),
  ];
  const before = [
    ownTable,
    newSet(table, { name: map, key: ['protocol'], data: ['ipv4', 'port'] }, 1),
    newChain(table, { name: chain, base: { type: 'nat', hook: 'output', priority }, rules: [] }),
    newRule(table, chain, rule),
  ];
  const messages = nftBatch([...before, ...element(ipProtocol.udp), ...element(ipProtocol.tcp)]);
  // An element's data is the last thing in its message.
  const endOf = (count: number) => encodeNetlink(messages.slice(0, count)).length;
  const portOffsets = [2, 3].map((elements) => endOf(before.length + elements) - registerSize);
  return {
    name: 'nameService', reason: 'names of the others on its networks', address: addressBytes(nameServiceAddress),
    messages: encodeNetlink(messages), portOffsets,
  };
}
