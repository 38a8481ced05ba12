/** The name service of a shim, against the real helper: what it answers, and that nothing a container sends makes it do anything else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode, type DecodedPacket } from 'dns-packet';
import { createLauncher } from '../../runtime/launcher.ts';
import type { Operation } from '../../runtime/plan/operations.ts';
import type { Launcher, Shim } from '../../runtime/shim.ts';
import { containerPlan, endContainers, helperPath, launchRequest, makeSandbox, type Sandbox } from '../../runtime/testing/plain-container.ts';
import { nameServiceOperation, type NameSettings } from './service-operation.ts';
import { encodeNameTable, type NameOwner } from './table.ts';

const missing = process.getuid?.() !== 0 ? 'needs root' : existsSync(helperPath) ? undefined : 'needs native/build/caisson-shim';
/** Of loopback: this process is in the shim's network namespace, whose rules are not ours to change. */
const address = `127.${process.pid >> 16}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

let sandbox: Sandbox;
let launcher: Launcher;
let shim: Shim;
let directory: string;
let socket: Socket;

const settings = (): NameSettings => ({
  tables: ['one', 'two'].map((name) => join(directory, name)), servers: [], ndotsSet: false, outside: true, last: false, search: [],
  links: [{ table: 1, alias: 'Shortcut', target: 'db' }, { table: 0, alias: 'hidden', target: 'nobody' }],
});
const operation = (changes: Partial<NameSettings> = {}): Operation => ({
  ...nameServiceOperation({ ...settings(), ...changes }), address: Uint8Array.from(address.split('.').map(Number)), messages: new Uint8Array(), portOffsets: [],
} as Operation);

function publish(name: string, owners: readonly NameOwner[]): void {
  writeFileSync(join(directory, `${name}.new`), encodeNameTable(name === 'one' ? 'one' : 'net.two', owners));
  renameSync(join(directory, `${name}.new`), join(directory, name));
}

/** The kernel has chosen it. */
function servicePort(): number {
  const shown = Buffer.from(address.split('.').map(Number).toReversed()).toString('hex').toUpperCase();
  return Number.parseInt(new RegExp(`${shown}:([0-9A-F]{4}) `).exec(readFileSync('/proc/net/udp', 'utf8'))?.[1] ?? '', 16);
}

let nextId = 1;
const queryFor = (name: string, type: string, more: object = {}): Buffer =>
  encode({ type: 'query', id: nextId++ & 0xffff, flags: 0x100, questions: [{ type: type as 'A', name }], ...more });

/** Asks again where a flood has filled a queue. */
async function send(query: Buffer): Promise<Buffer> {
  const again = setInterval(() => socket.send(query), 200);
  socket.send(query);
  for (;;) {
    const [answer] = await once(socket, 'message') as [Buffer];
    if (answer.readUInt16BE(0) !== query.readUInt16BE(0)) continue;
    clearInterval(again);
    return answer;
  }
}

const resultCode = (answer: Buffer): number => (answer[3] as number) & 0xf;
const dataOf = ({ answers }: DecodedPacket) => (answers ?? []).map((each) => ('data' in each && typeof each.data === 'string' ? each.data : ''));
/** In order; or the code of the failure. */
async function lookUp(name: string, type = 'A', more: object = {}): Promise<readonly string[] | number> {
  const answer = await send(queryFor(name, type, more));
  const message = decode(answer);
  expect(message.questions?.[0]?.name).toBe(name);
  for (const each of message.answers ?? []) expect(each).toMatchObject({ name, type, class: 'IN', ttl: 600 });
  return resultCode(answer) === 0 ? dataOf(message).toSorted() : resultCode(answer);
}

const many = Array.from({ length: 600 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);

describe.skipIf(missing !== undefined)(`the name service${missing === undefined ? '' : ` (${missing})`}`, () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'caisson-names-'));
    publish('one', [
      { names: ['web', 'Front.End', 'both'], addresses: ['10.0.0.1', 'fd00::1'] }, { names: ['six', 'both'], addresses: ['fd00::6'] },
      { names: ['db'], addresses: ['10.0.0.3'] }, { names: ['x.net.two'], addresses: ['10.0.0.4'] },
    ]);
    publish('two', [{ names: ['db', 'hidden'], addresses: ['10.2.0.3'] }, { names: ['x'], addresses: ['10.2.0.4'] }, { names: ['crowd'], addresses: many }]);
    sandbox = makeSandbox();
    launcher = createLauncher({ helperPath, execRoot: sandbox.execRoot });
    const plan = containerPlan(sandbox.root, { argv: ['sleep', '1000'], prepare: [operation()] });
    ({ shim } = await launcher.launch(launchRequest(sandbox, 1, plan), []));
    socket = createSocket('udp4');
    socket.connect(servicePort(), address);
    await once(socket, 'connect');
  });
  afterAll(async () => {
    socket.close();
    await launcher.close();
    await endContainers(launcher, sandbox);
    sandbox.remove();
    rmSync(directory, { recursive: true });
  });

  test('answers with the addresses of a name, whatever its case; the first network that knows it counts', async () => {
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
    expect(await lookUp('WeB')).toEqual(['10.0.0.1']);
    expect(await lookUp('web', 'AAAA')).toEqual(['fd00::1']);
    expect(await lookUp('front.end')).toEqual(['10.0.0.1']);
    expect(await lookUp('both', 'AAAA')).toEqual(['fd00::1', 'fd00::6']);
    expect(await lookUp('db')).toEqual(['10.0.0.3']);
  });

  test('a name with other records than those asked for is no failure; an unknown one is', async () => {
    expect(await lookUp('six')).toEqual([]);
    expect(await lookUp('web', 'MX')).toEqual([]);
    expect(await lookUp('web', 'TXT')).toBe(2);
    expect(await lookUp('nobody')).toBe(2);
    expect(await lookUp('we')).toBe(2);
    expect(await lookUp('webb')).toBe(2);
    expect(await lookUp('.')).toBe(2);
  });

  test('NAME.NETWORK is looked for on that network, where both may have dots, after the whole as a name', async () => {
    expect(await lookUp('db.one')).toEqual(['10.0.0.3']);
    expect(await lookUp('db.net.two')).toEqual(['10.2.0.3']);
    expect(await lookUp('x.net.two')).toEqual(['10.0.0.4']);
    expect(await lookUp('front.end.one')).toEqual(['10.0.0.1']);
    expect(await lookUp('web.net.two')).toBe(2);
  });

  test("a link's alias is a name on its network, and hides another's there", async () => {
    expect(await lookUp('shortcut')).toEqual(['10.2.0.3']);
    expect(await lookUp('shortcut.net.two')).toEqual(['10.2.0.3']);
    expect(await lookUp('shortcut.one')).toBe(2);
    expect(await lookUp('hidden')).toEqual(['10.2.0.3']);
    expect(await lookUp('hidden.one')).toBe(2);
  });

  test('an address leads to the name of who has it, with the network', async () => {
    expect(await lookUp('1.0.0.10.in-addr.arpa', 'PTR')).toEqual(['web.one']);
    expect(await lookUp('3.0.2.10.in-addr.arpa', 'PTR')).toEqual(['db.net.two']);
    expect(await lookUp(`1.${'0.'.repeat(29)}d.f.ip6.arpa`, 'PTR')).toEqual(['web.one']);
    expect(await lookUp('9.0.0.10.in-addr.arpa', 'PTR')).toBe(2);
    expect(await lookUp('1.0.0.10.in-addr.arpa')).toBe(2);
  });

  test('several addresses come in every order', async () => {
    const orders = new Set<string>();
    for (let i = 0; i < 200 && orders.size < 2; i++) orders.add(dataOf(decode(await send(queryFor('both', 'AAAA')))).join(' '));
    expect(orders.size).toBe(2);
  });

  test('an answer has the size that the client takes, and says what is missing', async () => {
    const short = await send(queryFor('crowd', 'A'));
    expect(short.length).toBeLessThanOrEqual(512);
    expect(short.length).toBeGreaterThan(512 - 16);
    expect(decode(short).flag_tc).toBe(true);
    const withSize = (udpPayloadSize: number) => queryFor('crowd', 'A', { additionals: [{ type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] }] });
    expect((await send(withSize(100))).length).toBe(short.length);
    const medium = await send(withSize(4096));
    expect(medium.length).toBeGreaterThan(4096 - 16);
    expect(medium.length).toBeLessThanOrEqual(4096);
    const whole = decode(await send(withSize(65_000)));
    expect(whole.flag_tc).toBe(false);
    expect(dataOf(whole).toSorted()).toEqual(many.toSorted());
  });

  test('a change of the table is there at once', async () => {
    const shown = Array.from({ length: 50 }, (_, index) => `10.9.0.${index}`);
    for (const each of shown) {
      publish('one', [{ names: ['web'], addresses: [each] }]);
      expect(await lookUp('web')).toEqual([each]);
    }
    rmSync(join(directory, 'one'));
    expect(await lookUp('web')).toBe(2);
    for (const broken of [Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(5000, 0xff), encodeNameTable('one', [{ names: ['web'], addresses: ['10.0.0.1'] }]).subarray(0, 40)]) {
      writeFileSync(join(directory, 'broken'), broken);
      renameSync(join(directory, 'broken'), join(directory, 'one'));
      expect(await lookUp('web')).toBe(2);
    }
    publish('one', [{ names: ['web'], addresses: ['10.0.0.1'] }]);
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
  });

  test('a broken table gives no answer, and takes nothing down', async () => {
    const good = encodeNameTable('one', [{ names: ['web', 'a', 'b', 'c'], addresses: ['10.0.0.1', 'fd00::1'] }]);
    for (let i = 0; i < 500; i++) {
      const bad = Buffer.from(good);
      for (let changes = 0; changes < 4; changes++) bad[Math.floor(Math.random() * bad.length)] = Math.floor(Math.random() * 256);
      writeFileSync(join(directory, 'broken'), bad);
      renameSync(join(directory, 'broken'), join(directory, 'one'));
      await send(queryFor('web', i % 2 === 0 ? 'A' : 'PTR'));
    }
    publish('one', [{ names: ['web'], addresses: ['10.0.0.1'] }]);
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
  });

  test('what is no query gets no answer, or one that says so', async () => {
    const query = queryFor('web', 'A');
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(query);
      copy[at] = value;
      return copy;
    };
    expect(resultCode(await send(changed(2, 0x29)))).toBe(4);
    for (const bad of [changed(5, 0), changed(5, 2), changed(12, 0xc0), changed(12, 64), query.subarray(0, -1), query.subarray(0, 12)]) {
      expect(resultCode(await send(bad))).toBe(1);
    }
    // A response, and what is too short: the next answer is the next query's.
    socket.send(changed(2, 0x81));
    socket.send(query.subarray(0, 11));
    socket.send(Buffer.alloc(0));
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
  });

  test('survives a storm of broken queries', async () => {
    const seeds = [queryFor('web', 'A'), queryFor('db.net.two', 'AAAA'), queryFor('1.0.0.10.in-addr.arpa', 'PTR'), queryFor('crowd', 'MX', { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] }] })];
    const random = (below: number) => Math.floor(Math.random() * below);
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(seeds[random(seeds.length)] as Buffer);
      for (let changes = random(6); changes >= 0; changes--) bytes[2 + random(bytes.length - 2)] = random(4) === 0 ? 0xff : random(256);
      socket.send(random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
      if (i % 50 === 0) await send(queryFor('web', 'A'));
    }
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
  }, 60_000);

  test('the container changes networks while it runs', async () => {
    await shim.operate([operation({ tables: [join(directory, 'two')], links: [], ndotsSet: true })]);
    expect(await lookUp('web')).toEqual([]);
    expect(await lookUp('web.one')).toBe(2);
    expect(await lookUp('hidden')).toEqual(['10.2.0.3']);
    await shim.operate([operation()]);
    expect(await lookUp('web')).toEqual(['10.0.0.1']);
  });
});
