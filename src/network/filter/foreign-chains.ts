/** Chains of others in the packet filter that a packet has to pass as well. */
import { NetlinkSocket } from '../../linux/ffi/netlink.ts';
import { decodeAttributes, netlinkFamily } from '../../linux/netlink/message.ts';
import { getEveryChain, hook, nftAttribute as a } from '../../linux/netlink/nftables.ts';
import { receivedAttributes, receivedName } from '../../linux/netlink/nftables-read.ts';

export interface ForeignChain {
  /** As nft(8) names it: `ip filter FORWARD`. */
  readonly name: string;
  /** What becomes of packets that none of its rules decides about. */
  readonly policy: 'accept' | 'drop';
}

/** NFPROTO_*; chains of ARP, of bridges and of devices see other packets. */
const families: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };
const NF_DROP = 0;

/** Those at a hook that packets of `family` come by. What is loaded by iptables' old form (`iptables-legacy`) is not among them. */
export function foreignChains(own: string, at: 'input' | 'forward', family: 4 | 6): ForeignChain[] {
  const socket = new NetlinkSocket(netlinkFamily.netfilter);
  try {
    return socket.dump(getEveryChain()).flatMap((message) => {
      const attributes = receivedAttributes(message);
      const [table, where] = [receivedName(message, a.CHAIN_TABLE), attributes.get(a.CHAIN_HOOK)];
      const kind = families[message.payload[0] ?? 0];
      const isSeen = kind === 'inet' || kind === (family === 4 ? 'ip' : 'ip6');
      if (where === undefined || table === own || kind === undefined || !isSeen) return [];
      if (decodeAttributes(where).get(a.HOOK_HOOKNUM)?.readUInt32BE() !== hook[at]) return [];
      const policy = attributes.get(a.CHAIN_POLICY)?.readUInt32BE() === NF_DROP ? 'drop' : 'accept';
      return [{ name: `${kind} ${table} ${receivedName(message, a.CHAIN_NAME)}`, policy }];
    });
  } finally {
    socket.close();
  }
}
