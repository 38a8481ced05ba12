/**
 * A name server for tests: `bun name-server.ts ADDRESS…` in the network namespace that it is for. The first label of a name says what becomes
 * of it: `nx`, `fail` and `refuse` are those failures, `silent` is not answered, `large` has three hundred addresses, which only
 * TCP can carry, and anything else has 192.0.2.N, where N is the end of the address that was asked.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';

const codes: Readonly<Record<string, number>> = { nx: 3, fail: 2, refuse: 5 };
const port = 53;

function answer(query: Buffer, own: string, overTcp: boolean): Buffer | undefined {
  const { id = 0, questions = [] } = decode(query);
  const [question] = questions;
  const name = question?.name ?? '';
  const [label = ''] = name.split('.');
  if (label === 'silent') return undefined;
  const response = (flags: number, addresses: readonly string[] = []): Packet =>
    ({ type: 'response', id, flags: flags | 0x180, questions, answers: addresses.map((data) => ({ type: 'A', name, data, ttl: 60 })) });
  if (label in codes) return encode(response(codes[label] as number));
  if (question?.type !== 'A') return encode(response(0));
  if (label !== 'large') return encode(response(0, [`192.0.2.${own.split('.').at(-1) ?? ''}`]));
  return encode(overTcp ? response(0, Array.from({ length: 300 }, (_, index) => `198.51.${index >> 8}.${index & 255}`)) : response(0x200));
}

async function serve(own: string): Promise<void> {
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    const message = answer(query, own, false);
    if (message !== undefined) udp.send(message, from.port, from.address);
  });
  udp.bind(port, own);
  const tcp = createServer((connection) => {
    connection.on('data', (query: Buffer) => {
      const message = answer(query.subarray(2), own, true);
      if (message === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      // In pieces, as it may come.
      connection.write(length.subarray(0, 1));
      setImmediate(() => connection.write(Buffer.concat([length.subarray(1), message])));
    });
    connection.on('error', () => undefined);
  });
  tcp.listen(port, own);
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
}

await Promise.all(process.argv.slice(2).map(serve));
process.stdout.write('ready\n');
