/** Who has which address, whatever containers come and go, and whatever they ask for: against a list of who has been given what. */
import { expect, test } from 'bun:test';
import { CaissonError } from '../../errors.ts';
import type { Endpoint, EndpointAddress, NetworkPool, NetworkRecord } from '../network.ts';
import { AddressBook } from './address-book.ts';
import { addressToBytes, contains, formatAddress, type IpAddress, type IpPrefix, parseAddress, parsePrefix } from './ip.ts';

/** The same numbers in every run (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const pool = (subnet: string, more: Partial<NetworkPool> = {}): NetworkPool => ({ subnet, ipRange: '', gateway: '', auxAddresses: {}, automatic: false, ...more });
const network: NetworkRecord = {
  id: 'n'.repeat(64), name: 'net', created: '', driver: 'macvlan', scope: 'local', enableIPv4: true, enableIPv6: true, internal: false, attachable: false, ingress: false,
  configOnly: false, configFrom: '', ipam: { driver: 'default', options: null, config: [] }, options: {}, labels: {},
  pools: [
    pool('10.0.0.0/28', { gateway: '10.0.0.1', auxAddresses: { printer: '10.0.0.9' } }), pool('10.1.0.0/24', { ipRange: '10.1.0.64/29', gateway: '10.1.0.1' }),
    pool('fd00::/120', { ipRange: 'fd00::40/125', gateway: 'fd00::41' }),
  ],
};
const taken = ['10.0.0.1', '10.0.0.9', '10.1.0.1', 'fd00::41'];
/** Of IPv4 the first and the last are nobody's; of IPv6 the first is that of the router. */
const nobodys = ['10.0.0.0', '10.0.0.15', '10.1.0.0', '10.1.0.255', 'fd00::'];
const address = (text: string) => parseAddress(text) as IpAddress;
const within = (range: string, text: string) => contains(parsePrefix(range) as IpPrefix, address(text));
const isOfTheNetwork = ({ address: text, prefixLength, gateway }: EndpointAddress): boolean =>
  network.pools.some((each) => within(each.subnet, text) && each.subnet.endsWith(`/${prefixLength}`) && each.gateway === gateway);

test('no address is given twice, none is lost, and a refusal takes nothing', () => {
  for (const seed of [1, 2, 3]) {
    const next = numbers(seed);
    let book = new AddressBook();
    book.open(network);
    const given = new Map<string, Endpoint>();
    const isFree = (text: string) => ![...given.values()].some(({ ipv4, ipv6 }) => ipv4?.address === text || ipv6?.address === text);
    const someAddress = () => (next(2) === 0 ? `10.${next(2)}.0.${next(256)}` : `fd00::${next(256).toString(16)}`);
    for (let round = 0; round < 1000; round++) {
      switch (next(20)) {
        case 0: {
          // The daemon was killed: the next one learns it from who runs, in any order.
          book = new AddressBook();
          book.open(network);
          for (const endpoint of [...given.values()].toSorted(() => next(3) - 1)) book.reserve(endpoint);
          break;
        }
        case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: {
          const one = [...given.keys()][next(Math.max(1, given.size))];
          if (one === undefined) break;
          book.release(given.get(one) as Endpoint);
          given.delete(one);
          break;
        }
        default: {
          const [containerId, asked] = [`c${round}`, next(3) === 0 ? someAddress() : undefined];
          const isV6 = asked?.includes(':') === true;
          const before = JSON.stringify([...given.values()]);
          const found = attempt(() => book.allocate(network, { containerId, ...(asked === undefined ? {} : isV6 ? { ipv6: asked } : { ipv4: asked }) }));
          if (found !== undefined) {
            for (const each of [found.ipv4, found.ipv6] as EndpointAddress[]) {
              expect(isFree(each.address)).toBe(true);
              expect(isOfTheNetwork(each)).toBe(true);
              expect([...taken, ...nobodys]).not.toContain(each.address);
              if (each.address === asked) continue;
              expect(['10.0.0.0/28', '10.1.0.64/29', 'fd00::40/125'].some((range) => within(range, each.address))).toBe(true);
            }
            if (asked !== undefined) expect([found.ipv4?.address, found.ipv6?.address]).toContain(formatAddress(address(asked)));
            expect(addressToBytes(address(found.ipv4?.address ?? '')).length).toBe(4);
            given.set(containerId, { id: containerId, networkId: network.id, containerId, interfaceName: 'eth0', hostInterface: '', ...found });
          } else {
            expect(JSON.stringify([...given.values()])).toBe(before);
            const ranges = [network.pools.slice(0, 2), network.pools.slice(2)].map((pools) => freeIn(pools, isFree));
            // It was right to refuse: the address is not to be had, or a family has none left.
            const isRefused = asked !== undefined && (!isFree(formatAddress(address(asked))) || [...taken, ...nobodys].includes(formatAddress(address(asked))) || !network.pools.some((each) => within(each.subnet, asked)));
            expect(isRefused || ranges.includes(0)).toBe(true);
          }
        }
      }
    }
  }
});

/** Undefined for what is refused. */
function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof CaissonError) return undefined;
    throw error;
  }
}

/** How many addresses of the ranges nobody has. */
function freeIn(pools: readonly NetworkPool[], isFree: (text: string) => boolean): number {
  return pools.reduce((sum, { subnet, ipRange }) => {
    const { address: first, length } = parsePrefix(ipRange || subnet) as IpPrefix;
    const all = Array.from({ length: 2 ** ((first.family === 4 ? 32 : 128) - length) }, (_, index) => formatAddress({ ...first, value: first.value + BigInt(index) }));
    return sum + all.filter((each) => isFree(each) && ![...taken, ...nobodys].includes(each)).length;
  }, 0);
}
