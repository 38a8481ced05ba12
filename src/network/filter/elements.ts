/** What varies in the engine's table: elements of its sets and maps for a network, for a published port. */
import { interfaceKey, portKey, rangeElements } from '../../linux/netlink/expressions.ts';
import { concatenated, type Element } from '../../linux/netlink/nftables.ts';
import type { Prefix } from '../../linux/netlink/route.ts';
import type { GatewayMode } from '../bridge-options.ts';
import { setNames } from './table.ts';

/** A network, as the packet filter sees it. */
export interface FilterNetwork {
  /** Name of its bridge. */
  readonly bridge: string;
  readonly subnets: readonly Prefix[];
  /** Reaches nothing else, and nothing else reaches it. */
  readonly internal: boolean;
  /** Its containers speak to each other by way of the host too; ports of the bridge keep them apart where not (setBridgePort). */
  readonly icc: boolean;
  /** Leaves the host under the host's address, where that is the mode. */
  readonly masquerade: boolean;
  readonly modes: { readonly 4: GatewayMode; readonly 6: GatewayMode };
  /** Interfaces of the host that lead to ports of its containers that are `reached`. */
  readonly trusted: readonly string[];
}

/** IANA's numbers. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;
export type Protocol = keyof typeof protocolNumbers;

/** A port of the host that leads to one of a container. Both addresses are of one family: 4 or 16 bytes. */
export interface PublishedPort {
  readonly protocol: Protocol;
  /** Undefined: all addresses of the host, of the container's family. */
  readonly hostAddress?: Uint8Array;
  readonly hostPort: number;
  readonly address: Uint8Array;
  readonly port: number;
}

/** A port of a container that is reached by the container's own address. */
export interface ReachedPort {
  readonly protocol: Protocol;
  readonly hostPort?: never;
  readonly address: Uint8Array;
  readonly port: number;
}

export type FilteredPort = PublishedPort | ReachedPort;

/** Elements, by the set that they belong in. */
export type SetElements = ReadonlyMap<string, readonly Element[]>;

/** NFPROTO_* */
const familyKey = (family: 4 | 6): Uint8Array => Uint8Array.of(family === 4 ? 2 : 10);
const familyOf = (address: Uint8Array): 4 | 6 => (address.length === 4 ? 4 : 6);

/** The first and the last address of a subnet. */
function boundsOf({ address, length }: Prefix): [first: Uint8Array, last: Uint8Array] {
  const mask = (index: number) => 0xff >> Math.min(8, Math.max(0, length - index * 8));
  return [Uint8Array.from(address, (byte, index) => byte & ~mask(index)), Uint8Array.from(address, (byte, index) => byte | mask(index))];
}

function* networkEntries({ bridge, subnets, internal, icc, masquerade, modes, trusted }: FilterNetwork): Generator<[set: string, ...Element[]]> {
  const name = interfaceKey(bridge);
  yield [setNames.bridges, { key: name }];
  if (icc) yield [setNames.icc, { key: concatenated([name, name]) }];
  if (internal) yield [setNames.internal, { key: name }];
  for (const subnet of subnets) {
    const family = familyOf(subnet.address);
    const [first, last] = boundsOf(subnet);
    yield [setNames.home[family], { key: concatenated([first, name]), keyEnd: concatenated([last, name]) }];
    if (masquerade && !internal && modes[family] !== 'routed') yield [setNames.masquerade[family], ...rangeElements(first, last)];
    const bridgeOfFamily = concatenated([familyKey(family), name]);
    if (modes[family] === 'routed') yield [setNames.routed, { key: bridgeOfFamily }];
    if (modes[family] === 'nat-unprotected') yield [setNames.direct, { key: bridgeOfFamily }];
  }
  for (const each of new Set(trusted)) yield [setNames.trusted, { key: concatenated([interfaceKey(each), name]) }];
}

function* portEntries(published: FilteredPort): Generator<[set: string, ...Element[]]> {
  const { protocol, address, port } = published;
  const family = familyOf(address);
  if (published.hostPort === undefined) {
    yield [setNames.reached[family], { key: concatenated([Uint8Array.of(protocolNumbers[protocol]), address, portKey(port)]) }];
    return;
  }
  const { hostAddress, hostPort } = published;
  if (hostAddress !== undefined && familyOf(hostAddress) !== family) throw new TypeError('a port cannot lead from one address family to the other');
  const number = Uint8Array.of(protocolNumbers[protocol]);
  const data = concatenated([address, portKey(port)]);
  if (hostAddress === undefined) yield [setNames.publishedOnAll[family], { key: concatenated([number, portKey(hostPort)]), data }];
  else yield [setNames.published[family], { key: concatenated([number, hostAddress, portKey(hostPort)]), data }];
}

function gather<Item>(items: Iterable<Item>, entriesOf: (item: Item) => Iterable<[set: string, ...Element[]]>): SetElements {
  const gathered = new Map<string, Element[]>();
  for (const item of items) {
    for (const [set, ...elements] of entriesOf(item)) {
      const list = gathered.get(set);
      if (list === undefined) gathered.set(set, elements);
      else list.push(...elements);
    }
  }
  return gathered;
}

export const networkElements = (networks: Iterable<FilterNetwork>): SetElements => gather(networks, networkEntries);
export const portElements = (ports: Iterable<FilteredPort>): SetElements => gather(ports, portEntries);
export const guardElements = (families: Iterable<4 | 6>): SetElements =>
  gather(families, (family) => [[setNames.guarded, { key: familyKey(family) }]]);
