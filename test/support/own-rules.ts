/** What a container with the right may do to its packet filter: flushes all of it, then leads what goes to port 53 to where nobody listens. */
import { NetlinkSocket } from '../../src/linux/ffi/netlink.ts';
import { destinationPort, dnat, lookUp, matches, meta, portKey } from '../../src/linux/netlink/expressions.ts';
import { netlinkFamily } from '../../src/linux/netlink/message.ts';
import { addElements, concatenated, newChain, newRule, newSet, newTable, nftBatch, nftMessage } from '../../src/linux/netlink/nftables.ts';

const unspecified = Uint8Array.of(0, 0, 0, 0);
const table = 'own';
const udp = Uint8Array.of(17);
const nobody = concatenated([Uint8Array.of(127, 0, 0, 1), portKey(9)]);
const socket = new NetlinkSocket(netlinkFamily.netfilter);
socket.request(nftBatch([
  { type: nftMessage.DELTABLE, body: unspecified, attributes: [] },
  newTable(table, new Uint8Array(1)),
  newSet(table, { name: 'map', key: ['protocol'], data: ['ipv4', 'port'] }, 1),
  newChain(table, { name: 'output', base: { type: 'nat', hook: 'output', priority: -100 }, rules: [] }),
  newRule(table, 'output', [...matches(destinationPort, portKey(53)), ...lookUp('map', meta('l4proto')), ...dnat(4)]),
  ...addElements(table, 'map', [{ key: udp, data: nobody }]),
]));
