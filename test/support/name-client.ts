/** One DNS query as it goes over the wire: `bun name-client.ts NAME TYPE udp|tcp [SIZE [SERVER]]` asks 127.0.0.11, or another, and prints the answer as JSON. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';

const [name = '', type = 'A', protocol, size, address = '127.0.0.11'] = process.argv.slice(2);
const id = 4711;
const server = { address, port: 53 };
const query: Packet = {
  type: 'query', id, flags: 0x100, questions: [{ name, type: type as 'A' }],
  ...(size === undefined ? {} : { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: Number(size), extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }] }),
};

async function overUdp(): Promise<Buffer> {
  const socket = createSocket('udp4');
  // A server that is not there says so to a socket that is connected.
  socket.connect(server.port, server.address);
  await once(socket, 'connect');
  socket.send(encode(query));
  const [answer] = await once(socket, 'message') as [Buffer];
  socket.close();
  return answer;
}

async function overTcp(): Promise<Buffer> {
  const socket = connect(server.port, server.address);
  const message = encode(query);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
  let received = Buffer.alloc(0);
  while (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) {
    const [piece] = await once(socket, 'data') as [Buffer];
    received = Buffer.concat([received, piece]);
  }
  socket.destroy();
  return Buffer.from(received.subarray(2));
}

const answer = protocol === 'tcp' ? await overTcp() : await overUdp();
const { id: answered, flag_tc: truncated, answers = [] } = decode(answer);
process.stdout.write(JSON.stringify({
  matches: answered === id, code: (answer[3] as number) & 0xf, truncated, bytes: answer.length,
  data: answers.map((each) => ('data' in each && typeof each.data === 'string' ? each.data : '')),
}));
