/** rtnetlink(7): interfaces, addresses and routes, as messages. */
import { type LateValue, messageFlag, type NetlinkAttribute, type NetlinkMessage } from './message.ts';

/** linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h. */
export const rtnetlink = {
  RTM_NEWLINK: 16, RTM_DELLINK: 17, RTM_GETLINK: 18, RTM_SETLINK: 19,
  RTM_NEWADDR: 20, RTM_DELADDR: 21, RTM_GETADDR: 22,
  RTM_NEWROUTE: 24, RTM_DELROUTE: 25, RTM_GETROUTE: 26,
  RTM_NEWQDISC: 36, RTM_GETQDISC: 38,
  IFF_UP: 0x1, IFF_NOARP: 0x80,
  IFLA_ADDRESS: 1, IFLA_IFNAME: 3, IFLA_MTU: 4, IFLA_LINK: 5, IFLA_MASTER: 10, IFLA_PROTINFO: 12, IFLA_LINKINFO: 18, IFLA_NET_NS_PID: 19,
  IFLA_AF_SPEC: 26,
  IFLA_INFO_KIND: 1, IFLA_INFO_DATA: 2,
  VETH_INFO_PEER: 1,
  IFLA_BRPORT_STATE: 1, IFLA_BRPORT_MODE: 4, IFLA_BRPORT_ISOLATED: 33,
  IFLA_MACVLAN_MODE: 1, IFLA_IPVLAN_MODE: 1, IFLA_IPVLAN_FLAGS: 2, IFLA_VLAN_ID: 1,
  IFA_ADDRESS: 1, IFA_LOCAL: 2, IFA_BROADCAST: 4, IFA_FLAGS: 8, IFA_F_NODAD: 0x02,
  RTA_DST: 1, RTA_OIF: 4, RTA_GATEWAY: 5, RTA_PRIORITY: 6,
} as const;

const { RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_NEWROUTE, IFF_UP } = rtnetlink;
const { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } = messageFlag;

export const addressFamily = { inet: 2, inet6: 10, bridge: 7 } as const;

/** struct ifinfomsg: which interface, and the IFF_* bits to change in it and their new values. */
export function interfaceMessage(index: number, flags = 0, change = 0, family = 0): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt8(family, 0);
  body.writeInt32LE(index, 4);
  body.writeUInt32LE(flags, 8);
  body.writeUInt32LE(change, 12);
  return body;
}

/** An interface: its index, or its name where the helper is to look the index up. */
export type LinkRef = number | string;

const indexOf = (link: LinkRef): number => (typeof link === 'number' ? link : 0);
const linkOf = (link: LinkRef): { link?: string } => (typeof link === 'number' ? {} : { link });
const valueOf = (link: LinkRef): number | LateValue => (typeof link === 'number' ? link : { late: 'link', name: link });

/** What a new interface begins with; undefined is the kernel's choice. */
export interface LinkSettings {
  readonly name: string;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  readonly up?: boolean;
  /** The interface below it, and the bridge that it is a port of. */
  readonly link?: LinkRef;
  readonly master?: LinkRef;
  /** Process in whose network namespace it is made; `child` is the one that the helper has just cloned. */
  readonly namespacePid?: number | 'child';
}

function linkAttributes({ name, mac, mtu, link, master, namespacePid }: LinkSettings): NetlinkAttribute[] {
  const numbers = [
    [rtnetlink.IFLA_MTU, mtu],
    [rtnetlink.IFLA_LINK, link === undefined ? undefined : valueOf(link)],
    [rtnetlink.IFLA_MASTER, master === undefined ? undefined : valueOf(master)],
    [rtnetlink.IFLA_NET_NS_PID, namespacePid === 'child' ? { late: 'pid' } as const : namespacePid],
  ] as const;
  return [
    { type: rtnetlink.IFLA_IFNAME, value: name },
    ...(mac === undefined ? [] : [{ type: rtnetlink.IFLA_ADDRESS, value: mac }]),
    ...numbers.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value }])),
  ];
}

const upFlags = (up: boolean | undefined) => (up === true ? IFF_UP : 0);

/** A new interface of a kind: `bridge`, `macvlan`, `veth` … `data` are the kind's own attributes. */
export function newLink(kind: string, settings: LinkSettings, data: NetlinkAttribute['value'] = []): NetlinkMessage {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: interfaceMessage(0, upFlags(settings.up), upFlags(settings.up)),
    attributes: [
      ...linkAttributes(settings),
      { type: rtnetlink.IFLA_LINKINFO, value: [{ type: rtnetlink.IFLA_INFO_KIND, value: kind }, { type: rtnetlink.IFLA_INFO_DATA, value: data }] },
    ],
  };
}

/** A pair of interfaces: what goes into one comes out of the other. The peer is made where the message is sent, or with a pid. */
export function newVeth(settings: LinkSettings, peer: LinkSettings): NetlinkMessage {
  const body = interfaceMessage(0, upFlags(peer.up), upFlags(peer.up));
  return newLink('veth', settings, [{ type: rtnetlink.VETH_INFO_PEER, value: { body, attributes: linkAttributes(peer) } }]);
}

/** linux/if_link.h: who hears whom of the interfaces over one parent. */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export type MacvlanMode = keyof typeof macvlanModes;
/** What the parent looks at: frames, or packets, without or with the packet filter (since Linux 4.9). */
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export type IpvlanMode = keyof typeof ipvlanModes;
/** Since Linux 4.15. */
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;
export type IpvlanFlag = keyof typeof ipvlanFlags;

/** An interface with a hardware address of its own over `link`, which is one of the namespace that the message is sent in. */
export const newMacvlan = (settings: LinkSettings, mode: MacvlanMode): NetlinkMessage =>
  newLink('macvlan', settings, [{ type: rtnetlink.IFLA_MACVLAN_MODE, value: macvlanModes[mode] }]);

/** One with the hardware address of `link`. */
export const newIpvlan = (settings: LinkSettings, mode: IpvlanMode, flag: IpvlanFlag): NetlinkMessage => newLink('ipvlan', settings, [
  { type: rtnetlink.IFLA_IPVLAN_MODE, value: uint16(ipvlanModes[mode]) }, { type: rtnetlink.IFLA_IPVLAN_FLAGS, value: uint16(ipvlanFlags[flag]) },
]);

/** What `link` carries with a tag (IEEE 802.1Q), 1 to 4094. */
export const newVlan = (settings: LinkSettings, id: number): NetlinkMessage => newLink('vlan', settings, [{ type: rtnetlink.IFLA_VLAN_ID, value: uint16(id) }]);

const uint16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);

/** Changes an interface. `master` 0 takes it out of its bridge; a `name` can be given while it is down. */
export function setLink(
  link: LinkRef, change: { readonly name?: string; readonly mac?: Uint8Array; readonly up?: boolean; readonly master?: LinkRef; readonly mtu?: number },
): NetlinkMessage {
  const attributes = [
    [rtnetlink.IFLA_IFNAME, change.name], [rtnetlink.IFLA_ADDRESS, change.mac], [rtnetlink.IFLA_MTU, change.mtu],
    [rtnetlink.IFLA_MASTER, change.master === undefined ? undefined : valueOf(change.master)],
  ] as const;
  return {
    type: RTM_SETLINK,
    ...linkOf(link),
    body: interfaceMessage(indexOf(link), upFlags(change.up), change.up === undefined ? 0 : IFF_UP),
    attributes: attributes.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value }])),
  };
}

/** What a port of a bridge does. */
export interface BridgePortSettings {
  /** It reaches only ports that are not isolated (since Linux 4.18). */
  readonly isolated?: boolean;
  /** What comes from it may go back through it. */
  readonly hairpin?: boolean;
  /** Nothing goes through it, either way. */
  readonly state?: 'disabled';
}

const BR_STATE_DISABLED = 0;

export function setBridgePort(link: LinkRef, { isolated, hairpin, state }: BridgePortSettings): NetlinkMessage {
  const values = [
    [rtnetlink.IFLA_BRPORT_STATE, state === undefined ? undefined : BR_STATE_DISABLED],
    [rtnetlink.IFLA_BRPORT_ISOLATED, isolated],
    [rtnetlink.IFLA_BRPORT_MODE, hairpin],
  ] as const;
  return {
    type: RTM_SETLINK,
    ...linkOf(link),
    body: interfaceMessage(indexOf(link), 0, 0, addressFamily.bridge),
    attributes: [{
      type: rtnetlink.IFLA_PROTINFO,
      value: values.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value: Uint8Array.of(Number(value)) }])),
    }],
  };
}

/** Of a veth pair, both ends go. */
export const deleteLink = (link: LinkRef): NetlinkMessage => ({ type: RTM_DELLINK, ...linkOf(link), body: interfaceMessage(indexOf(link)) });

/** An address with the length of its network's prefix. 4 or 16 bytes. */
export interface Prefix {
  readonly address: Uint8Array;
  readonly length: number;
}

const familyOf = (address: Uint8Array) => (address.length === 4 ? addressFamily.inet : addressFamily.inet6);

/** An address that is there already is right. Of IPv6 it is used at once: nobody else has been given it. */
export function addAddress(link: LinkRef, { address, length }: Prefix): NetlinkMessage {
  const body = Buffer.alloc(8);
  body.writeUInt8(familyOf(address), 0);
  body.writeUInt8(length, 1);
  body.writeUInt32LE(indexOf(link), 4);
  const isV6 = address.length === 16;
  // A link between two has none (RFC 3021).
  const broadcast = !isV6 && length < 31 ? [{ type: rtnetlink.IFA_BROADCAST, value: broadcastOf({ address, length }) }] : [];
  return {
    type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, body, ...linkOf(link),
    attributes: [
      { type: rtnetlink.IFA_LOCAL, value: address },
      { type: rtnetlink.IFA_ADDRESS, value: address },
      ...(isV6 ? [{ type: rtnetlink.IFA_FLAGS, value: rtnetlink.IFA_F_NODAD }] : broadcast),
    ],
  };
}

/** The highest address of an IPv4 network. */
export function broadcastOf({ address, length }: Prefix): Uint8Array {
  const value = Buffer.from(address).readUInt32BE();
  const host = length === 0 ? 0xffffffff : (2 ** (32 - length) - 1) >>> 0;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((value | host) >>> 0);
  return bytes;
}

const mainTable = 254;
const protocolBoot = 3;
const scopeUniverse = 0;
const scopeLink = 253;
const typeUnicast = 1;

/** A route by way of an interface; without a gateway its destination is on the link. Without a destination it is the default. */
export interface Route {
  readonly family: 4 | 6;
  readonly link: LinkRef;
  readonly destination?: Prefix;
  readonly gateway?: Uint8Array;
  readonly metric?: number;
}

/** Takes the place of another to the same destination with the same metric. */
export function addRoute({ family, link, destination, gateway, metric }: Route): NetlinkMessage {
  const scope = gateway === undefined && family === 4 ? scopeLink : scopeUniverse;
  const body = Buffer.alloc(12);
  body.set([family === 4 ? addressFamily.inet : addressFamily.inet6, destination?.length ?? 0, 0, 0, mainTable, protocolBoot, scope, typeUnicast]);
  const attributes: NetlinkAttribute[] = [
    ...(destination === undefined ? [] : [{ type: rtnetlink.RTA_DST, value: destination.address }]),
    ...(gateway === undefined ? [] : [{ type: rtnetlink.RTA_GATEWAY, value: gateway }]),
    { type: rtnetlink.RTA_OIF, value: valueOf(link) },
    ...(metric === undefined ? [] : [{ type: rtnetlink.RTA_PRIORITY, value: metric }]),
  ];
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, body, attributes };
}

/** Loopback is the first interface of every network namespace. */
const loopbackIndex = 1;

/** Sets the loopback interface up; the kernel gives it 127.0.0.1/8 and ::1 then. */
export const loopbackUp = (): NetlinkMessage => ({ type: RTM_NEWLINK, body: interfaceMessage(loopbackIndex, IFF_UP, IFF_UP) });
