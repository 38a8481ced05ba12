import { describe, expect, test } from 'bun:test';
import { isIPv6 } from 'node:net';
import { AddressPool } from './address-pool.ts';
import { addressFromBytes, addressToBytes, contains, formatAddress, formatPrefix, type IpPrefix, overlap, parseAddress, parsePrefix } from './ip.ts';
import { chooseSubnet, defaultBlocks, parseAddressBlock, uniqueLocalBlock } from './subnets.ts';

const prefix = (text: string) => parsePrefix(text) as IpPrefix;

/** A small generator of its own: every run tries the same values (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe('addresses', () => {
  test.each(['0.0.0.0', '10.1.2.3', '255.255.255.255', '::', '::1', 'fe80::1', '2001:db8::8:800:200c:417a', '2001:db8:0:1:1:1:1:1', '1:0:0:2::3', '::ffff:10.0.0.1'])(
    '%s is read and written', (text) => expect(formatAddress(parseAddress(text) as never)).toBe(text));

  test.each(['', '1.2.3', '1.2.3.4.5', '01.2.3.4', 'fe80::1%eth0', 'x', '1::2::3', ':::'])('%p is none', (text) => expect(parseAddress(text)).toBeUndefined());

  test.each(['1.2.3.4', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/08', '1.2.3.4/-1', '::/129', '/8'])('%p is no prefix', (text) => expect(parsePrefix(text)).toBeUndefined());

  test('whatever the bytes, text and bytes lead back to them', () => {
    const next = numbers(1);
    for (let round = 0; round < 2000; round++) {
      // Zeros are frequent: where they are decides how IPv6 is written.
      const bytes = Uint8Array.from({ length: round % 2 === 0 ? 4 : 16 }, () => (next(3) > 0 ? 0 : next(256)));
      const text = formatAddress(addressFromBytes(bytes));
      expect([...addressToBytes(parseAddress(text) as never)]).toEqual([...bytes]);
      if (bytes.length === 16) expect(isIPv6(text)).toBe(true);
    }
  });

  test('an IPv6 address is written as WHATWG writes it', () => {
    const next = numbers(2);
    for (let round = 0; round < 500; round++) {
      const bytes = Uint8Array.from({ length: 16 }, () => (next(3) > 0 ? 0 : next(256)));
      bytes[0] = 0x20;
      const text = formatAddress(addressFromBytes(bytes));
      expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
    }
  });

  test('prefixes overlap when one has the first address of the other', () => {
    expect(overlap(prefix('10.0.0.0/8'), prefix('10.1.2.0/24'))).toBe(true);
    expect(overlap(prefix('10.1.2.0/24'), prefix('10.0.0.0/8'))).toBe(true);
    expect(overlap(prefix('10.1.2.0/24'), prefix('10.1.3.0/24'))).toBe(false);
    expect(overlap(prefix('0.0.0.0/0'), prefix('::/0'))).toBe(false);
  });
});

describe('a pool', () => {
  const take = (pool: AddressPool, owner = 'a') => {
    const address = pool.take(owner);
    return address && formatAddress(address);
  };

  test('gives out each address once, and never the network\'s own or the broadcast address', () => {
    const pool = new AddressPool(prefix('10.0.0.0/29'));
    expect(Array.from({ length: 7 }, () => take(pool))).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', undefined]);
  });

  test('of a point-to-point link has two addresses', () => {
    const pool = new AddressPool(prefix('10.0.0.0/31'));
    expect([take(pool), take(pool), take(pool)]).toEqual(['10.0.0.0', '10.0.0.1', undefined]);
  });

  test('gives out the lowest that is free', () => {
    const pool = new AddressPool(prefix('10.0.0.0/29'));
    take(pool);
    take(pool);
    take(pool);
    pool.release(parseAddress('10.0.0.2') as never, 'a');
    expect([take(pool), take(pool)]).toEqual(['10.0.0.2', '10.0.0.4']);
  });

  test('takes addresses that are asked for, outside of the range too, and refuses those that are taken', () => {
    const pool = new AddressPool(prefix('10.0.0.0/24'), prefix('10.0.0.64/30'));
    pool.takeThis(parseAddress('10.0.0.200') as never, 'a');
    expect(() => pool.takeThis(parseAddress('10.0.0.200') as never, 'b')).toThrow('Address already in use');
    expect(() => pool.takeThis(parseAddress('10.0.0.255') as never, 'b')).toThrow('Address already in use');
    expect(() => pool.takeThis(parseAddress('10.0.1.1') as never, 'b')).toThrow('out of range');
  });

  test('keeps an address that somebody else has by now', () => {
    const pool = new AddressPool(prefix('10.0.0.0/30'));
    pool.takeThis(parseAddress('10.0.0.1') as never, 'new');
    pool.release(parseAddress('10.0.0.1') as never, 'old');
    expect(() => pool.takeThis(parseAddress('10.0.0.1') as never, 'third')).toThrow('Address already in use');
  });

  test('whatever is taken and given back, no two have the same address, and all are of the range', () => {
    const next = numbers(3);
    for (let round = 0; round < 50; round++) {
      const range = prefix(['10.0.0.0/27', '10.0.0.16/28', 'fd00::/124'][round % 3] as string);
      const pool = new AddressPool(prefix(round % 3 === 2 ? 'fd00::/64' : '10.0.0.0/27'), range);
      const held = new Map<string, string>();
      for (let step = 0; step < 200; step++) {
        const owner = `owner${next(1000)}`;
        const [victim] = [...held].slice(next(held.size + 1));
        if (next(3) === 0 && victim !== undefined) {
          pool.release(parseAddress(victim[0]) as never, victim[1]);
          held.delete(victim[0]);
          continue;
        }
        const address = pool.take(owner);
        if (address === undefined) continue;
        expect(contains(range, address)).toBe(true);
        expect(held.has(formatAddress(address))).toBe(false);
        held.set(formatAddress(address), owner);
      }
    }
  });
});

describe('subnets', () => {
  const chosen = (taken: readonly string[], family: 4 | 6 = 4) => {
    const found = chooseSubnet([...defaultBlocks, uniqueLocalBlock('engine')], family, taken.map(prefix));
    return found && formatPrefix(found);
  };

  test('are the lowest that are free, in Docker\'s order', () => {
    expect(chosen([])).toBe('172.17.0.0/16');
    expect(chosen(['172.17.0.0/16'])).toBe('172.18.0.0/16');
    expect(chosen(['172.17.0.0/16', '172.18.5.0/24'])).toBe('172.19.0.0/16');
    expect(chosen(['172.16.0.0/12'])).toBe('192.168.0.0/20');
    expect(chosen(['172.16.0.0/12', '192.168.3.0/24'])).toBe('192.168.16.0/20');
    expect(chosen(['172.16.0.0/12', '192.168.0.0/16'])).toBe('10.208.0.0/24');
    expect(chosen(['0.0.0.0/0'])).toBeUndefined();
  });

  test('there are thousands of them, none overlapping another', () => {
    const taken: IpPrefix[] = [];
    while (taken.length < 200) {
      const found = chooseSubnet(defaultBlocks, 4, taken);
      if (found === undefined) break;
      expect(taken.some((other) => overlap(other, found))).toBe(false);
      taken.push(found);
    }
    expect(taken.length).toBe(200);
    expect(taken.slice(0, 31).map(formatPrefix).at(-1)).toBe('192.168.240.0/20');
  });

  test('of IPv6 are the engine\'s own', () => {
    expect(chosen([], 6)).toMatch(/^fd..:[0-9a-f]+:[0-9a-f]+::\/64$/);
    expect(chosen([], 6)).toBe(chosen([], 6) as string);
    expect(chosen([chosen([], 6) as string], 6)).not.toBe(chosen([], 6) as string);
  });

  test('whatever is taken, what is chosen overlaps nothing, and is aligned', () => {
    const next = numbers(4);
    const blocks = [parseAddressBlock('base=10.0.0.0/22,size=26'), parseAddressBlock('base=10.9.0.0/24,size=25')];
    for (let round = 0; round < 500; round++) {
      const taken = Array.from({ length: next(30) }, () => prefix(`10.${next(2) * 9}.${next(4)}.${next(256)}/${24 + next(9)}`));
      const found = chooseSubnet(blocks, 4, taken);
      const free = blocks.flatMap(({ base, size }) => Array.from({ length: 2 ** (size - base.length) }, (_, index): IpPrefix => ({
        address: { family: 4, value: base.address.value + BigInt(index * 2 ** (32 - size)) }, length: size,
      }))).find((candidate) => !taken.some((other) => overlap(other, candidate)));
      expect(found && formatPrefix(found)).toBe(free && formatPrefix(free));
    }
  });

  test.each(['', 'base=10.0.0.0/8', 'size=24', 'base=x,size=24', 'base=10.0.0.0/8,size=4', 'base=10.0.0.0/8,size=40', 'base=10.0.0.0/8,size=24,x=1'])(
    '%p is no block', (text) => expect(() => parseAddressBlock(text)).toThrow('invalid default address pool'));
});
