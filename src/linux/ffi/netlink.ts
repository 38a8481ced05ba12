/**
 * A netlink socket (netlink(7)). The kernel answers a request before sendto(2) returns, so nothing here waits. The network
 * namespace is the one the daemon runs in.
 */
import { ptr } from 'bun:ffi';
import { closeSync } from 'node:fs';
import { errno as errnos, errnoName, errnoText } from '../errno.ts';
import { controlType, decodeNetlink, encodeNetlink, messageFlag, type netlinkFamily, type NetlinkMessage, type ReceivedMessage } from '../netlink/message.ts';
import { bindLibc, checked, fail, lastErrno } from './libc.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
});

const afNetlink = 16;
const sockRaw = 3;
const sockCloexec = 0o2000000;
const msgDontwait = 0x40;
const solSocket = 1;
const soSndbufforce = 32;
const soRcvbufforce = 33;
/** Bytes: a transaction of a thousand ports, and its answers, fit. */
const bufferSize = 4 * 1024 * 1024;

/** ENODEV */
const noSuchDevice = 19;

/** Larger than any datagram of a dump (the kernel fills at most 32 KiB of it). */
const received = new Uint8Array(new ArrayBuffer(64 * 1024));
const receivedPointer = ptr(received);

/** A request that the kernel refused. */
export class NetlinkError extends Error {
  /** As on Node's own errors: `EEXIST`. */
  readonly code: string;
  readonly errno: number;
  /** Which of the messages sent together. */
  readonly index: number;

  constructor(errno: number, index: number) {
    super(`netlink: ${errnoText(errno)}`);
    this.name = 'NetlinkError';
    this.errno = errno;
    this.code = errnoName(errno);
    this.index = index;
  }
}

export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 1;

  constructor(family: (typeof netlinkFamily)[keyof typeof netlinkFamily]) {
    this.#fd = checked(libc.socket(afNetlink, sockRaw | sockCloexec, family), 'socket');
    const size = new Int32Array(new ArrayBuffer(4));
    size[0] = bufferSize;
    // Without the right to it the default has to do.
    for (const option of [soSndbufforce, soRcvbufforce]) libc.setsockopt(this.#fd, solSocket, option, ptr(size), 4);
  }

  /** Sends messages together and takes each one's answer. Throws NetlinkError for the first that was refused. */
  request(messages: readonly NetlinkMessage[]): void {
    if (messages.length === 0) return;
    const first = this.#send(messages);
    const waiting = new Set(messages.flatMap(({ unanswered }, index) => (unanswered === true ? [] : [first + index])));
    let refused: NetlinkError | undefined;
    while (waiting.size > 0) {
      const answers = this.#receive();
      if (answers === undefined) break;
      for (const { type, sequence, payload } of answers) {
        if (type !== controlType.NLMSG_ERROR) continue;
        waiting.delete(sequence);
        const errno = -payload.readInt32LE(0);
        if (errno !== 0) refused ??= new NetlinkError(errno, sequence - first);
      }
      // A batch that is refused is refused whole: the rest may stay without an answer.
      if (refused !== undefined && messages.some(({ unanswered }) => unanswered)) this.#drain();
      if (refused !== undefined) throw refused;
    }
  }

  /** All that a request with NLM_F_DUMP lists. */
  dump(message: NetlinkMessage): ReceivedMessage[] {
    this.#send([{ ...message, flags: (message.flags ?? 0) | messageFlag.NLM_F_DUMP, unanswered: true }]);
    const found: ReceivedMessage[] = [];
    for (let answers = this.#receive(); answers !== undefined; answers = this.#receive()) {
      for (const { payload, ...answer } of answers) {
        if (answer.type === controlType.NLMSG_DONE) return found;
        if (answer.type === controlType.NLMSG_ERROR) throw new NetlinkError(-payload.readInt32LE(0), 0);
        found.push({ ...answer, payload: Buffer.from(payload) });
      }
    }
    return found;
  }

  /** The one answer to a request for one thing; undefined when there is no such thing. */
  get(message: NetlinkMessage): ReceivedMessage | undefined {
    this.#send([{ ...message, unanswered: true }]);
    const [answer] = this.#receive() ?? [];
    if (answer === undefined) return undefined;
    if (answer.type !== controlType.NLMSG_ERROR) return { ...answer, payload: Buffer.from(answer.payload) };
    const errno = -answer.payload.readInt32LE(0);
    if (errno === errnos.ENOENT || errno === noSuchDevice) return undefined;
    throw new NetlinkError(errno, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Answers the number of the first message. */
  #send(messages: readonly NetlinkMessage[]): number {
    const first = this.#sequence;
    this.#sequence = (this.#sequence + messages.length) & 0x3fffffff;
    const bytes = encodeNetlink(messages, first);
    if (Number(libc.send(this.#fd, ptr(bytes), BigInt(bytes.length), 0)) < 0) fail('send');
    return first;
  }

  /** Undefined when there is nothing (more) to read. */
  #receive(): ReceivedMessage[] | undefined {
    const size = Number(libc.recv(this.#fd, receivedPointer, BigInt(received.length), msgDontwait));
    if (size >= 0) return decodeNetlink(received.subarray(0, size));
    if (lastErrno() === errnos.EAGAIN) return undefined;
    return fail('recv');
  }

  #drain(): void {
    while (this.#receive() !== undefined);
  }
}
