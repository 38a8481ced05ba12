/**
 * SCTP, of which no other program here knows: `bun sctp.ts serve PORT` answers every association with the address of whoever asks, and
 * `bun sctp.ts ask ADDRESS PORT` prints what is answered. IPv4; the kernel has SCTP (requirement `sctp`).
 */
import { ptr } from 'bun:ffi';
import { bindLibc } from '../../src/linux/ffi/libc.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  listen: { args: ['i32', 'i32'], returns: 'i32' },
  accept: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  close: { args: ['i32'], returns: 'i32' },
});
const [afInet, sockStream, ipprotoSctp] = [2, 1, 132];
const addressSize = 16;

/** struct sockaddr_in. */
function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(addressSize);
  bytes.writeUInt16LE(afInet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

function must(result: number | bigint, what: string): number {
  if (Number(result) < 0) throw new Error(`${what} failed`);
  return Number(result);
}

const open = () => must(libc.socket(afInet, sockStream, ipprotoSctp), 'socket');

function serve(port: number): never {
  const listener = open();
  must(libc.bind(listener, ptr(socketAddress('0.0.0.0', port)), addressSize), 'bind');
  must(libc.listen(listener, 8), 'listen');
  process.stdout.write('ready\n');
  for (;;) {
    const peer = Buffer.alloc(addressSize);
    const size = Uint32Array.of(addressSize);
    const connection = must(libc.accept(listener, ptr(peer), ptr(size)), 'accept');
    const answer = Buffer.from([...peer.subarray(4, 8)].join('.'));
    must(libc.send(connection, ptr(answer), BigInt(answer.length), 0), 'send');
    libc.close(connection);
  }
}

function ask(address: string, port: number): void {
  const socket = open();
  must(libc.connect(socket, ptr(socketAddress(address, port)), addressSize), 'connect');
  const answer = Buffer.alloc(64);
  const got = must(libc.recv(socket, ptr(answer), BigInt(answer.length), 0), 'recv');
  process.stdout.write(answer.subarray(0, got));
}

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(Number(words[0]));
ask(words[0] as string, Number(words[1]));
