/**
 * The engine's table, but for what varies: chains with a constant number of rules, and the sets and maps that they look into.
 * docs/packet-filter.md says in words what each is for.
 */
import * as e from '../../linux/netlink/expressions.ts';
import type { Chain, Rule, SetDefinition } from '../../linux/netlink/nftables.ts';

export const setNames = {
  /** Every bridge of the engine. */
  bridges: 'bridges',
  /** Bridges of networks that reach nothing else and are reached by nothing else. */
  internal: 'internal',
  /** Bridges, each with itself, of networks whose containers may speak to each other. */
  icc: 'icc',
  /** Networks' addresses, by family, with their bridge. */
  home: { 4: 'home4', 6: 'home6' },
  /** Those that leave the host under its own address. */
  masquerade: { 4: 'masquerade4', 6: 'masquerade6' },
  /** Ports published on one address of the host, and on all of them. */
  published: { 4: 'published4', 6: 'published6' },
  publishedOnAll: { 4: 'published4-all', 6: 'published6-all' },
  /** Bridges whose containers are reached by their own addresses: at any port from outside, or at those that are `reached`, by a family; those by an interface of the host. */
  direct: 'direct',
  routed: 'routed',
  trusted: 'trusted',
  /** Ports that are reached so. */
  reached: { 4: 'reached4', 6: 'reached6' },
  /** Families that the engine has switched forwarding on for: the host did not forward before, and does not for others now. */
  guarded: 'guarded',
} as const;

const perFamily = (family: 4 | 6): SetDefinition[] => {
  const address = family === 4 ? 'ipv4' : 'ipv6';
  return [
    { name: setNames.masquerade[family], key: [address], ranges: true },
    { name: setNames.home[family], key: [address, 'interface'], ranges: true },
    { name: setNames.published[family], key: ['protocol', address, 'port'], data: [address, 'port'] },
    { name: setNames.publishedOnAll[family], key: ['protocol', 'port'], data: [address, 'port'] },
    { name: setNames.reached[family], key: ['protocol', address, 'port'] },
  ];
};

export const sets: readonly SetDefinition[] = [
  { name: setNames.bridges, key: ['interface'] },
  { name: setNames.internal, key: ['interface'] },
  { name: setNames.icc, key: ['interface', 'interface'] },
  { name: setNames.direct, key: ['nfproto', 'interface'] },
  { name: setNames.routed, key: ['nfproto', 'interface'] },
  { name: setNames.trusted, key: ['interface', 'interface'] },
  ...perFamily(4),
  ...perFamily(6),
  { name: setNames.guarded, key: ['nfproto'] },
];

const rule = (...parts: readonly Rule[]): Rule => parts.flat();

const [iif, oif] = [e.meta('iifname'), e.meta('oifname')];
const families = [4, 6] as const;
const isFamily = (family: 4 | 6): Rule => e.matches(e.meta('nfproto'), Uint8Array.of(family === 4 ? 2 : 10));
const loopbackNet = Uint8Array.of(127);
const loopback6 = Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0));
const wasPublished = e.conntrackHas('status', e.ctStatus.dnat);

/** nft(8): raw -300, before connections are tracked; dstnat -100; filter 0; srcnat 100. */
const priority = { raw: -300, dstnat: -100, filter: 0, srcnat: 100 } as const;

/** To a published port: the container behind it. */
const published: Chain = {
  name: 'published',
  rules: families.flatMap((family) => [
    rule(isFamily(family), e.lookUp(setNames.published[family], e.meta('l4proto'), e.destinationAddress[family], e.destinationPort), e.dnat(family)),
    rule(isFamily(family), e.lookUp(setNames.publishedOnAll[family], e.meta('l4proto'), e.destinationPort), e.dnat(family)),
  ]),
};

/** Bridges route 127.0.0.0/8 (forwarding.ts), so that the host's 127.0.0.1 reaches ports; containers must not use or feign it. */
const martians: Chain = {
  name: 'martians',
  base: { type: 'filter', hook: 'prerouting', priority: priority.raw },
  rules: [
    rule(isFamily(4), e.matches(e.destinationNetwork4, loopbackNet), e.isIn(setNames.bridges, iif), e.drop()),
    rule(isFamily(4), e.matches(e.sourceNetwork4, loopbackNet), e.isIn(setNames.bridges, iif), e.drop()),
  ],
};

/** What comes in, for an address of the host. No interface but loopback may reach what is published on 127.0.0.1. */
const prerouting: Chain = {
  name: 'prerouting',
  base: { type: 'nat', hook: 'prerouting', priority: priority.dstnat },
  rules: [
    rule(isFamily(4), e.matches(e.destinationNetwork4, loopbackNet), e.leave()),
    rule(e.toHostItself(), e.jump(published.name)),
  ],
};

/** What the host sends to itself. The kernel lets no answer to ::1 in by a bridge: that is left to whoever listens on it. */
const output: Chain = {
  name: 'output',
  base: { type: 'nat', hook: 'output', priority: priority.dstnat },
  rules: [
    rule(isFamily(6), e.matches(e.destinationAddress[6], loopback6), e.leave()),
    rule(e.toHostItself(), e.jump(published.name)),
  ],
};

const postrouting: Chain = {
  name: 'postrouting',
  base: { type: 'nat', hook: 'postrouting', priority: priority.srcnat },
  rules: [
    rule(isFamily(4), e.matches(e.sourceNetwork4, loopbackNet), e.isIn(setNames.bridges, oif), e.masquerade()),
    ...families.flatMap((family) => [
      // The container would answer its neighbour, or itself, directly, from an address that has not been spoken to.
      rule(wasPublished, isFamily(family), e.isIn(setNames.home[family], e.sourceAddress[family], oif), e.masquerade()),
      rule(isFamily(family), e.isIn(setNames.home[family], e.sourceAddress[family], oif), e.leave()),
      rule(isFamily(family), e.isIn(setNames.masquerade[family], e.sourceAddress[family]), e.masquerade()),
    ]),
  ],
};

/** IPPROTO_ICMP, IPPROTO_ICMPV6. */
const icmp = { 4: 1, 6: 58 } as const;

/** To a bridge, by a container's own address. */
const toContainers: readonly Rule[] = [
  ...families.flatMap((family) => {
    const isReached = e.isIn(setNames.reached[family], e.meta('l4proto'), e.destinationAddress[family], e.destinationPort);
    const isRouted = rule(isFamily(family), e.isIn(setNames.routed, e.meta('nfproto'), oif));
    return [
      rule(isRouted, isReached, e.accept()),
      rule(isRouted, e.matches(e.meta('l4proto'), Uint8Array.of(icmp[family])), e.accept()),
      rule(isFamily(family), e.isIn(setNames.trusted, iif, oif), isReached, e.accept()),
    ];
  }),
  rule(e.isIn(setNames.bridges, iif), e.isIn(setNames.bridges, oif), e.drop()),
  rule(e.isIn(setNames.direct, e.meta('nfproto'), oif), e.accept()),
];

const forward: Chain = {
  name: 'forward',
  base: { type: 'filter', hook: 'forward', priority: priority.filter },
  rules: [
    rule(e.conntrackHas('state', e.ctState.established | e.ctState.related), e.accept()),
    rule(e.isIn(setNames.icc, iif, oif), e.accept()),
    rule(e.isIn(setNames.internal, iif), e.drop()),
    rule(e.isIn(setNames.internal, oif), e.drop()),
    rule(e.isIn(setNames.bridges, oif), wasPublished, e.accept()),
    ...toContainers,
    // From outside to what is not published.
    rule(e.isIn(setNames.bridges, oif), e.drop()),
    rule(e.isIn(setNames.bridges, iif), e.accept()),
    rule(e.isIn(setNames.guarded, e.meta('nfproto')), e.drop()),
  ],
};

/** `published` first: others jump to it. */
export const chains: readonly Chain[] = [published, martians, prerouting, output, postrouting, forward];
