/**
 * Both ends of a bad conversation: `bun name-storm.ts ADDRESS COUNT` answers at port 53 of the address with broken answers, and sends broken queries
 * there. What is between them is to be none the worse for it.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { encode } from 'dns-packet';

const [address = '', count = '0'] = process.argv.slice(2);
const port = 53;
const random = (below: number): number => Math.floor(Math.random() * below);

function broken(message: Buffer, from: number): Buffer {
  const copy = Buffer.from(message);
  for (let changes = random(6); changes >= 0 && copy.length > from; changes--) copy[from + random(copy.length - from)] = random(4) === 0 ? 0xff : random(256);
  return random(3) === 0 ? copy.subarray(0, random(copy.length)) : copy;
}

const server = createSocket('udp4');
server.on('message', (query, from) => {
  // The id stays, mostly: else it would be no answer at all.
  const answer = Buffer.concat([query, Buffer.from(Array.from({ length: random(2000) }, () => random(256)))]);
  answer[2] = (answer[2] ?? 0) | 0x80;
  server.send(broken(answer, random(4) === 0 ? 0 : 2), from.port, from.address);
});
server.bind(port, address);
await once(server, 'listening');
const client = createSocket('udp4');
client.on('error', () => undefined);
for (let sent = 0; sent < Number(count); sent++) {
  const name = ['nx', 'some', 'fail.some.example', 'x'.repeat(60), 'a.b.c.d.e'][random(5)] as string;
  client.send(broken(encode({ type: 'query', id: random(65_536), flags: 0x100, questions: [{ type: 'A', name }] }), 0), port, address);
  if (sent % 50 === 0) await setImmediate();
}
process.exit(0);
