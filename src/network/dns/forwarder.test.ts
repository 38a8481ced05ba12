import { afterEach, expect, test } from 'bun:test';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { decode, encode } from 'dns-packet';
import { Forwarder, type NameServerAddress } from './forwarder.ts';
import { resultCode } from './message.ts';

const open: (Socket | Server)[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** A name server on loopback that answers as `reply` says; several messages, or none. */
async function udpServer(reply: (query: Buffer) => readonly Buffer[]): Promise<NameServerAddress> {
  const socket = createSocket('udp4');
  open.push(socket);
  socket.on('message', (query, from) => {
    for (const message of reply(query)) socket.send(message, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: '127.0.0.1', port: socket.address().port };
}

async function tcpServer(reply: (query: Buffer) => Buffer): Promise<NameServerAddress> {
  const server = createServer((connection) => {
    connection.on('data', (data: Buffer) => {
      const message = reply(data.subarray(2));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      // In two pieces, as it may come.
      connection.write(Buffer.concat([length, message.subarray(0, 5)]));
      setImmediate(() => connection.end(message.subarray(5)));
    });
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: '127.0.0.1', port: (server.address() as { port: number }).port };
}

const question = { name: 'example.org', type: 'A' } as const;
const query = encode({ type: 'query', id: 99, flags: 0x100, questions: [question] });
const answering = (asked: Buffer, address = '192.0.2.1', rcode = 0) =>
  encode({ type: 'response', id: decode(asked).id ?? 0, flags: rcode, questions: [question], answers: [{ ...question, ttl: 5, data: address }] });
const limits = { timeoutMs: 2000, concurrent: 4 };
const resultOf = (message: Buffer) => Object.entries(resultCode).find(([, code]) => code === (message.readUInt16BE(2) & 0xf))?.[0];
const addressIn = (message: Buffer) => decode(message).answers?.map((each) => ('data' in each ? each.data : ''));

test('an answer is passed on as it is, under the id of the query', async () => {
  let seen: Buffer = Buffer.alloc(0);
  const server = await udpServer((asked) => [answering((seen = Buffer.from(asked)))]);
  const answer = await new Forwarder(limits).forward(query, [server], 'udp');
  expect(seen.subarray(2)).toEqual(query.subarray(2));
  expect(answer.subarray(2)).toEqual(answering(seen).subarray(2));
  expect(answer.readUInt16BE(0)).toBe(99);
});

test('over TCP too, larger than a datagram', async () => {
  const many = (asked: Buffer) => encode({
    type: 'response', id: decode(asked).id ?? 0, questions: [question],
    answers: Array.from({ length: 2000 }, (_, index) => ({ ...question, ttl: 5, data: `192.0.${index >> 8}.${index & 255}` })),
  });
  const answer = await new Forwarder(limits).forward(query, [await tcpServer(many)], 'tcp');
  expect(addressIn(answer)).toHaveLength(2000);
});

test('a message that answers something else is not taken for the answer', async () => {
  const server = await udpServer((asked) => {
    const other = answering(asked, '192.0.2.66');
    other.writeUInt16BE((asked.readUInt16BE(0) + 1) & 0xffff, 0);
    const elsewhere = encode({ type: 'response', id: decode(asked).id ?? 0, questions: [{ name: 'other.example', type: 'A' }] });
    return [Buffer.alloc(3), other, elsewhere, answering(asked)];
  });
  expect(addressIn(await new Forwarder(limits).forward(query, [server], 'udp'))).toEqual(['192.0.2.1']);
});

test('a server that fails, refuses or is not there is followed by the next', async () => {
  const failing = await udpServer((asked) => [answering(asked, '192.0.2.66', 2)]);
  const refusing = await udpServer((asked) => [answering(asked, '192.0.2.66', 5)]);
  const good = await udpServer((asked) => [answering(asked)]);
  expect(addressIn(await new Forwarder(limits).forward(query, [failing, refusing, good], 'udp'))).toEqual(['192.0.2.1']);
  const gone = await udpServer(() => []);
  open.splice(open.length - 1)[0]?.close();
  expect(addressIn(await new Forwarder(limits).forward(query, [gone, good], 'udp'))).toEqual(['192.0.2.1']);
  expect(resultOf(await new Forwarder(limits).forward(query, [failing], 'udp'))).toBe('serverFailure');
});

test('no answer is a failure', async () => {
  const silent = await udpServer(() => []);
  expect(resultOf(await new Forwarder({ timeoutMs: 20, concurrent: 4 }).forward(query, [silent], 'udp'))).toBe('serverFailure');
});

test('more than its limit at a time is refused', async () => {
  const silent = await udpServer(() => []);
  const forwarder = new Forwarder({ timeoutMs: 50, concurrent: 1 });
  const first = forwarder.forward(query, [silent], 'udp');
  expect(resultOf(await forwarder.forward(query, [silent], 'udp'))).toBe('refused');
  expect(resultOf(await first)).toBe('serverFailure');
});
