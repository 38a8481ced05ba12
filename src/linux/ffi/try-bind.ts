/** Whether a port of the host can be had, tried by binding a socket to it for a moment. */
import { ptr } from 'bun:ffi';
import { closeSync } from 'node:fs';
import { bindLibc, checked, lastErrno } from './libc.ts';
import { errnoNumber } from '../errno.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
});

const family = { 4: 2, 16: 10 } as const;
const sockStream = 1;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const [ipprotoTcp, ipprotoUdp, ipprotoIpv6] = [6, 17, 41];
const ipv6V6only = 26;
const solSocket = 1;
const soReuseaddr = 2;

const one = new Int32Array(new ArrayBuffer(4)).fill(1);

/** struct sockaddr_in, sockaddr_in6. */
function socketAddress(address: Uint8Array, port: number): Uint8Array<ArrayBuffer> {
  const isV4 = address.length === 4;
  const bytes = Buffer.from(new ArrayBuffer(isV4 ? 16 : 28));
  bytes.writeUInt16LE(family[isV4 ? 4 : 16], 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, isV4 ? 4 : 8);
  return new Uint8Array(bytes.buffer);
}

/**
 * The errno that binding to an address (4 or 16 bytes) and port gives; undefined when it succeeds, or when the kernel does not have the
 * protocol (IPPROTO_*), so that nobody can have the port. Connections that a former owner left in TIME_WAIT are no obstacle.
 */
export function tryBind(protocol: number, address: Uint8Array, port: number): number | undefined {
  const isV4 = address.length === 4;
  const type = protocol === ipprotoUdp ? sockDgram : sockStream;
  const fd = libc.socket(family[isV4 ? 4 : 16], type | sockCloexec, protocol);
  if (fd < 0) return lastErrno() === errnoNumber('EPROTONOSUPPORT') ? undefined : checked(fd, 'socket');
  try {
    if (protocol === ipprotoTcp) libc.setsockopt(fd, solSocket, soReuseaddr, ptr(one), 4);
    if (!isV4) libc.setsockopt(fd, ipprotoIpv6, ipv6V6only, ptr(one), 4);
    const bytes = socketAddress(address, port);
    return libc.bind(fd, ptr(bytes), bytes.length) === 0 ? undefined : lastErrno();
  } finally {
    closeSync(fd);
  }
}
