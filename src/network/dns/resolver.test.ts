import { expect, test } from 'bun:test';
import { decode, encode, type Answer, type Packet } from 'dns-packet';
import { Forwarder } from './forwarder.ts';
import { readQuery } from './message.ts';
import { resolve, type NameClient } from './resolver.ts';

const names: Readonly<Record<string, readonly string[]>> = {
  web: ['10.0.0.2', 'fd00::2'],
  db: ['10.0.0.3'],
  many: Array.from({ length: 60 }, (_, index) => `10.0.1.${index + 1}`),
};
const client: NameClient = {
  zone: { lookUp: (name) => names[name], reverse: (name) => (name === '2.0.0.10.in-addr.arpa' ? 'web.mine' : undefined) },
  servers: () => [],
  ndotsSet: false,
};
const forwarder = new Forwarder({ timeoutMs: 1000, concurrent: 2 });

const query = (name: string, type: 'A' | 'AAAA' | 'MX' | 'PTR' | 'TXT', additionals: Packet['additionals'] = []) =>
  encode({ type: 'query', id: 4711, flags: 0x100, questions: [{ name, type }], additionals });
const ask = async (data: Buffer, overTcp = false, who = client) => decode(await resolve(who, data, overTcp, forwarder));
const addresses = ({ answers = [] }: Packet) => answers.map((each) => ('data' in each && typeof each.data === 'string' ? each.data : ''));

test('addresses by family, whatever the case; the name comes back as it was asked', async () => {
  const answer = await ask(query('WeB', 'A'));
  expect(answer).toMatchObject({ id: 4711, type: 'response', rcode: 'NOERROR', flag_rd: true, flag_ra: true, flag_aa: false, flag_tc: false });
  expect(answer.answers).toMatchObject([{ name: 'WeB', type: 'A', ttl: 600, data: '10.0.0.2' }]);
  expect(addresses(await ask(query('web.', 'AAAA')))).toEqual(['fd00::2']);
});

test('a name without an address of the family, or without a mail exchanger, is there all the same', async () => {
  for (const type of ['AAAA', 'MX'] as const) expect(await ask(query('db', type))).toMatchObject({ rcode: 'NOERROR', answers: [] });
});

test('an address leads to its name', async () => {
  expect(addresses(await ask(query('2.0.0.10.in-addr.arpa', 'PTR')))).toEqual(['web.mine']);
});

test('several addresses take turns at being the first', async () => {
  const firsts = new Set<string | undefined>();
  for (let turn = 0; turn < 200; turn++) firsts.add(addresses(await ask(query('many', 'A'), true))[0]);
  expect(firsts.size).toBeGreaterThan(10);
});

test('what does not fit is cut off over UDP, and whole over TCP or where the client takes more', async () => {
  const plain = query('many', 'A');
  const cut = await resolve(client, plain, false, forwarder);
  expect(cut.length).toBeLessThanOrEqual(512);
  expect(decode(cut).flag_tc).toBe(true);
  expect(addresses(decode(cut)).length).toBeGreaterThan(10);
  expect(addresses(await ask(plain, true)).toSorted()).toEqual(names['many']?.toSorted() ?? []);
  const option = { type: 'OPT', name: '.', udpPayloadSize: 4096, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] } satisfies Answer;
  const larger = await ask(query('many', 'A', [option]));
  expect([addresses(larger).length, larger.flag_tc]).toEqual([60, false]);
});

test('without a way out, what nobody has is a failure; with ndots set a name without a dot is none', async () => {
  expect(await ask(query('nobody', 'A'))).toMatchObject({ rcode: 'SERVFAIL', questions: [{ name: 'nobody' }] });
  expect(await ask(query('nobody', 'A'), false, { ...client, ndotsSet: true })).toMatchObject({ rcode: 'NOERROR', answers: [] });
});

test('what is no query gets no answer, what is none that can be read a format error', async () => {
  expect(await resolve(client, Buffer.alloc(11), false, forwarder)).toHaveLength(0);
  expect(await resolve(client, encode({ type: 'response', id: 1, questions: [{ name: 'web', type: 'A' }] }), false, forwarder)).toHaveLength(0);
  expect(decode(await resolve(client, Buffer.alloc(12), false, forwarder))).toMatchObject({ rcode: 'FORMERR' });
  const update = query('web', 'A');
  update.writeUInt16BE(0x2800, 2);
  expect(decode(await resolve(client, update, false, forwarder))).toMatchObject({ rcode: 'NOTIMP' });
});

/** Numbers that are the same in every run (xorshift). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

test('whatever the bytes, there is an answer that can be sent, to that query', async () => {
  const next = chance(20_240_229);
  const valid = [query('web', 'A'), query('many', 'A'), query('2.0.0.10.in-addr.arpa', 'PTR'), query('elsewhere.example', 'TXT')];
  for (let turn = 0; turn < 20_000; turn++) {
    const data = turn % 2 === 0 ? Buffer.from(valid[next(valid.length)] as Buffer) : Buffer.alloc(next(80));
    for (let change = turn % 2 === 0 ? next(6) : data.length; change > 0; change--) data[next(data.length)] = next(256);
    const sent = Buffer.from(data.subarray(0, data.length - (next(4) === 0 ? next(data.length + 1) : 0)));
    const before = Buffer.from(sent);
    const answer = await resolve(client, sent, false, forwarder);
    expect(sent).toEqual(before);
    if (answer.length === 0) continue;
    expect(answer.length).toBeLessThanOrEqual(65_535);
    expect([answer.readUInt16BE(0), (answer[2] as number) >> 7]).toEqual([sent.readUInt16BE(0), 1]);
  }
});

test('a name that refers to itself is no query', () => {
  const data = Buffer.concat([query('web', 'A').subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
  expect(readQuery(data)).toBe('formatError');
});
