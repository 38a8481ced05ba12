/** What the kernel lists of interfaces, addresses and routes (rtnetlink(7)), decoded. */
import { attributeText, decodeAttributes, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { interfaceMessage, rtnetlink } from './route.ts';

const { RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_GETADDR, RTM_NEWROUTE, RTM_GETROUTE, IFF_UP } = rtnetlink;

/** An alias: a text that the kernel keeps with an interface (linux/if_link.h). */
const IFLA_IFALIAS = 20;
const RTA_MULTIPATH = 9;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `bridge`, `veth` …; empty for hardware and loopback. */
  readonly kind: string;
  readonly alias: string;
  readonly up: boolean;
  readonly mtu: number;
}

export const listLinks = (): NetlinkMessage => ({ type: RTM_GETLINK, body: interfaceMessage(0) });

export const getLink = (name: string): NetlinkMessage => ({
  type: RTM_GETLINK, body: interfaceMessage(0), attributes: [{ type: rtnetlink.IFLA_IFNAME, value: name }],
});

/** Notes a text of at most 255 bytes with an interface. */
export const setLinkAlias = (index: number, alias: string): NetlinkMessage => ({
  type: rtnetlink.RTM_SETLINK, body: interfaceMessage(index), attributes: [{ type: IFLA_IFALIAS, value: Buffer.from(alias) }],
});

export function linkOf({ type, payload }: ReceivedMessage): Link | undefined {
  if (type !== RTM_NEWLINK) return undefined;
  const attributes = decodeAttributes(payload, 16);
  const information = decodeAttributes(attributes.get(rtnetlink.IFLA_LINKINFO) ?? Buffer.alloc(0));
  return {
    index: payload.readInt32LE(4),
    name: attributeText(attributes.get(rtnetlink.IFLA_IFNAME)),
    kind: attributeText(information.get(rtnetlink.IFLA_INFO_KIND)),
    alias: attributeText(attributes.get(IFLA_IFALIAS)),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(rtnetlink.IFLA_MTU)?.readUInt32LE(0) ?? 0,
  };
}

/** An address that the host has on an interface. */
export interface HostAddress {
  readonly index: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** Of both families. */
export const listAddresses = (): NetlinkMessage => ({ type: RTM_GETADDR, body: Buffer.alloc(8) });

export function hostAddressOf({ type, payload }: ReceivedMessage): HostAddress | undefined {
  if (type !== RTM_NEWADDR) return undefined;
  const attributes = decodeAttributes(payload, 8);
  // IPv6 has no IFA_LOCAL but on a point-to-point link; there it is the host's own.
  const address = attributes.get(rtnetlink.IFA_LOCAL) ?? attributes.get(rtnetlink.IFA_ADDRESS);
  return address === undefined ? undefined : { index: payload.readUInt32LE(4), address, prefixLength: payload.readUInt8(1) };
}

/** A unicast route of the main table that has a destination (a default route has none). */
export interface HostRoute {
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  /** 0 where there are several. */
  readonly index: number;
  /** Without a gateway. */
  readonly onLink: boolean;
}

/** Of both families. */
export const listRoutes = (): NetlinkMessage => ({ type: RTM_GETROUTE, body: Buffer.alloc(12) });

const mainTable = 254;
const typeUnicast = 1;

export function hostRouteOf({ type, payload }: ReceivedMessage): HostRoute | undefined {
  if (type !== RTM_NEWROUTE || payload.readUInt8(4) !== mainTable || payload.readUInt8(7) !== typeUnicast) return undefined;
  const attributes = decodeAttributes(payload, 12);
  const destination = attributes.get(rtnetlink.RTA_DST);
  if (destination === undefined) return undefined;
  return {
    destination, prefixLength: payload.readUInt8(1), index: attributes.get(rtnetlink.RTA_OIF)?.readUInt32LE(0) ?? 0,
    onLink: !attributes.has(rtnetlink.RTA_GATEWAY) && !attributes.has(RTA_MULTIPATH),
  };
}
