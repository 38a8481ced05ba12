/**
 * Gives the kernel interfaces, addresses and routes of chance by every encoder of rtnetlink, in the network namespace that it is started in, and reads
 * them back: `netlink-echo.ts SEED ROUNDS` prints a JSON list of what came back otherwise.
 */
import { NetlinkError, NetlinkSocket } from '../../src/linux/ffi/netlink.ts';
import { hostAddressOf, linkOf, listAddresses, listLinks, listRoutes, setLinkAlias } from '../../src/linux/netlink/inventory.ts';
import { attributeText, decodeAttributes, netlinkFamily, type NetlinkMessage } from '../../src/linux/netlink/message.ts';
import * as route from '../../src/linux/netlink/route.ts';

const [seed = 1, rounds = 1] = process.argv.slice(2).map(Number);
const { rtnetlink } = route;
/** linux/if_link.h: what a port of a bridge tells of itself. */
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_IFALIAS = 20;
const [brStateDisabled, brStateForwarding] = [0, 3];
const IFLA_OPERSTATE = 16;
/** IF_OPER_UP */
const operationUp = 6;

/** Numbers below another, the same in every run of a seed (xorshift32). */
let state = seed;
function chance(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const maybe = <Value>(value: Value): Value | undefined => (chance(2) === 0 ? value : undefined);
const oneOf = <Value>(values: readonly Value[]): Value => values[chance(values.length)] as Value;
const bytes = (count: number) => Uint8Array.from({ length: count }, () => chance(256));
const hex = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('hex');

const socket = new NetlinkSocket(netlinkFamily.route);
const differences: string[] = [];

type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** What is asked and what is there, field by field; a field that was not asked for is not compared. */
function compare(what: string, asked: Fields, found: Fields): void {
  for (const [field, value] of Object.entries(asked)) {
    if (value !== undefined && value !== found[field]) differences.push(`${what}: ${field} is ${String(found[field])}, not ${String(value)}`);
  }
}

/** False when the kernel has no such interfaces. */
function send(messages: readonly NetlinkMessage[]): boolean {
  try {
    socket.request(messages);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP') return false;
    throw error;
  }
}

/** An interface as the kernel tells of it. */
function linkNamed(name: string) {
  const message = socket.dump(listLinks()).find((each) => linkOf(each)?.name === name);
  if (message === undefined) throw new Error(`there is no ${name}`);
  const { index, kind, up, mtu, alias } = linkOf(message) as NonNullable<ReturnType<typeof linkOf>>;
  const attributes = decodeAttributes(message.payload, 16);
  const information = decodeAttributes(attributes.get(rtnetlink.IFLA_LINKINFO) ?? Buffer.alloc(0));
  const data = decodeAttributes(information.get(rtnetlink.IFLA_INFO_DATA) ?? Buffer.alloc(0));
  const port = decodeAttributes(information.get(IFLA_INFO_SLAVE_DATA) ?? Buffer.alloc(0));
  return {
    index, kind, up, mtu, alias, mac: hex(attributes.get(rtnetlink.IFLA_ADDRESS)), text: attributeText(attributes.get(IFLA_IFALIAS)),
    operation: attributes.get(IFLA_OPERSTATE)?.[0], link: attributes.get(rtnetlink.IFLA_LINK)?.readUInt32LE() ?? 0, master: attributes.get(rtnetlink.IFLA_MASTER)?.readUInt32LE() ?? 0,
    first: hex(data.get(1)), second: hex(data.get(2)),
    isolated: port.get(rtnetlink.IFLA_BRPORT_ISOLATED)?.[0], hairpin: port.get(rtnetlink.IFLA_BRPORT_MODE)?.[0], portState: port.get(rtnetlink.IFLA_BRPORT_STATE)?.[0],
  };
}

let count = 0;
const newName = () => `i${count++}`;
/** Neither of a group nor of anybody else: the kernel takes no other for an interface. */
const newMac = () => {
  const mac = bytes(6);
  mac[0] = ((mac[0] as number) & 0xfc) | 2;
  return mac;
};
const settings = (): route.LinkSettings => {
  const [mac, mtu, up] = [maybe(newMac()), maybe(1280 + chance(200)), chance(2) === 0];
  return { name: newName(), up, ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
};
const shown = ({ mac, mtu, up }: route.LinkSettings) => ({ mac: mac === undefined ? undefined : hex(mac), mtu, up });

const little = (value: number, size: number) => {
  const written = Buffer.alloc(size);
  written.writeUIntLE(value, 0, size);
  return written.toString('hex');
};

function bridgeAndPorts(): void {
  const bridge = settings();
  send([route.newLink('bridge', bridge)]);
  const { index: master } = linkNamed(bridge.name);
  compare('bridge', { ...shown(bridge), kind: 'bridge' }, linkNamed(bridge.name));
  // The kernel sets no second end up that has no first one yet (veth_open).
  const [one, other] = [{ ...settings(), master }, { ...settings(), up: false }];
  send([route.newVeth(one, other)]);
  compare('veth', { ...shown(one), kind: 'veth', master, link: linkNamed(other.name).index }, linkNamed(one.name));
  compare('peer', { ...shown(other), kind: 'veth' }, linkNamed(other.name));
  const { index } = linkNamed(one.name);
  const port = { isolated: chance(2) === 0, hairpin: chance(2) === 0, ...(chance(2) === 0 ? { state: 'disabled' as const } : {}) };
  // A state is for a port whose interface is up.
  send([route.setLink(linkNamed(other.name).index, { up: true }), route.setLink(index, { up: true }), route.setLink(master, { up: true })]);
  // Its bridge sets a port to forwarding when its other end comes up, which takes the kernel a moment.
  while (linkNamed(one.name).operation !== operationUp || linkNamed(one.name).portState !== brStateForwarding) Bun.sleepSync(1);
  send([route.setBridgePort(index, port)]);
  compare('port', { isolated: Number(port.isolated), hairpin: Number(port.hairpin), portState: 'state' in port ? brStateDisabled : undefined }, linkNamed(one.name));
  const [name, mac, mtu] = [newName(), newMac(), 1300 + chance(100)];
  const alias = Buffer.from(bytes(1 + chance(100))).toString('base64');
  send([route.setLink(index, { up: false, master: 0 }), route.setLink(index, { name, mac, mtu }), setLinkAlias(index, alias)]);
  compare('changed', { index, up: false, master: 0, mac: hex(mac), mtu, alias, text: alias }, linkNamed(name));
  send([route.deleteLink(index)]);
  if (socket.dump(listLinks()).some((each) => [name, other.name].includes(linkOf(each)?.name ?? ''))) differences.push('a pair that was deleted is there');
  send([route.deleteLink(master)]);
}

function overParent(): void {
  const [parent, far] = [newName(), newName()];
  send([route.newVeth({ name: parent, up: true }, { name: far })]);
  const { index: link } = linkNamed(parent);
  send([route.setLink(linkNamed(far).index, { up: true })]);
  const each = { ...settings(), link };
  // Its size is at most the parent's, and a VLAN begins with its hardware address.
  const asked = { ...shown(each), link };
  const mode = oneOf(Object.keys(route.macvlanModes) as route.MacvlanMode[]);
  if (mode !== 'passthru' && send([route.newMacvlan(each, mode)])) {
    compare('macvlan', { ...asked, kind: 'macvlan', first: little(route.macvlanModes[mode], 4) }, linkNamed(each.name));
    send([route.deleteLink(linkNamed(each.name).index)]);
  }
  const id = 1 + chance(4094);
  if (send([route.newVlan(each, id)])) {
    compare('vlan', { ...asked, kind: 'vlan', first: little(id, 2) }, linkNamed(each.name));
    send([route.deleteLink(linkNamed(each.name).index)]);
  }
  const { mac: _own, ...plain } = each;
  const [ipvlan, flag] = [oneOf(Object.keys(route.ipvlanModes) as route.IpvlanMode[]), oneOf(Object.keys(route.ipvlanFlags) as route.IpvlanFlag[])];
  if (send([route.newIpvlan(plain, ipvlan, flag)])) {
    const found = { kind: 'ipvlan', first: little(route.ipvlanModes[ipvlan], 2), second: little(route.ipvlanFlags[flag], 2) };
    compare('ipvlan', { ...found, link, mtu: plain.mtu, up: plain.up }, linkNamed(plain.name));
  }
  send([route.deleteLink(link)]);
}

/** A network of documentation, or one of the engine's own kind. */
const newPrefix = (family: 4 | 6): route.Prefix => (family === 4
  ? { address: Uint8Array.of(10, chance(256), chance(256), 1 + chance(254)), length: 8 + chance(25) }
  : { address: Uint8Array.of(0xfd, ...bytes(15)), length: 8 + chance(121) });

/** Its network: the bits behind its length are zero. */
const masked = ({ address, length }: route.Prefix): Uint8Array =>
  Uint8Array.from(address, (byte, index) => byte & (0xff << Math.min(8, Math.max(0, 8 - (length - index * 8)))));

function addressesAndRoutes(): void {
  const [one, other] = [newName(), newName()];
  send([route.newVeth({ name: one, up: true }, { name: other })]);
  const { index } = linkNamed(one);
  send([route.setLink(linkNamed(other).index, { up: true })]);
  for (const family of [4, 6] as const) {
    const own = newPrefix(family);
    send([route.addAddress(index, own)]);
    const message = socket.dump(listAddresses()).find((each) => hex(hostAddressOf(each)?.address) === hex(own.address));
    const broadcast = message === undefined ? undefined : decodeAttributes(message.payload, 8).get(rtnetlink.IFA_BROADCAST);
    const expected = family === 4 && own.length < 31 ? hex(route.broadcastOf(own)) : '';
    const found = message === undefined ? undefined : hostAddressOf(message);
    compare('address', { index, length: own.length, broadcast: expected }, { index: found?.index, length: found?.prefixLength, broadcast: hex(broadcast) });
    const far = { address: family === 4 ? Uint8Array.of(198, 51, 100, chance(256)) : Uint8Array.of(0x20, 1, ...bytes(14)), length: family === 4 ? 24 + chance(9) : 32 + chance(97) };
    const destination = chance(4) === 0 ? undefined : { address: masked(far), length: far.length };
    const [gateway, metric] = [destination === undefined || chance(2) === 0 ? neighbourOf(own) : undefined, maybe(1 + chance(5000))];
    send([route.addRoute({
      family, link: index, ...(destination === undefined ? {} : { destination }), ...(gateway === undefined ? {} : { gateway }), ...(metric === undefined ? {} : { metric }),
    })]);
    const routes = socket.dump(listRoutes()).filter(({ payload }) => payload[0] === (family === 4 ? route.addressFamily.inet : route.addressFamily.inet6) && payload[4] === 254).map(({ payload }) => {
      const attributes = decodeAttributes(payload, 12);
      return {
        destination: hex(attributes.get(rtnetlink.RTA_DST)), length: payload[1], gateway: hex(attributes.get(rtnetlink.RTA_GATEWAY)),
        index: attributes.get(rtnetlink.RTA_OIF)?.readUInt32LE(), metric: attributes.get(rtnetlink.RTA_PRIORITY)?.readUInt32LE() ?? 0,
      };
    });
    const there = routes.find((each) => each.destination === hex(destination?.address) && each.length === (destination?.length ?? 0));
    compare(`route of IPv${family}`, { destination: hex(destination?.address), gateway: hex(gateway), index, metric }, there ?? {});
  }
  send([route.deleteLink(index)]);
}

/** Another address of the network, which has one at its last bit. */
function neighbourOf({ address, length }: route.Prefix): Uint8Array | undefined {
  if (length > address.length * 8 - 2) return undefined;
  const other = Uint8Array.from(address);
  other[other.length - 1] = (other.at(-1) as number) ^ 1;
  return other;
}

for (let round = 0; round < rounds; round++) {
  bridgeAndPorts();
  overParent();
  addressesAndRoutes();
}
process.stdout.write(JSON.stringify(differences));
