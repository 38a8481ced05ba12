/** Asks name servers outside what no container's network knows. Their answers are passed on as they are. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { encodeResult, headerSize, readQuestion, resultCode } from './message.ts';

export interface NameServerAddress {
  readonly address: string;
  /** 53 when it is not given. */
  readonly port?: number;
}

export interface ForwarderLimits {
  /** Milliseconds that one server has to answer. */
  readonly timeoutMs: number;
  /** Queries on their way at a time; more are refused. */
  readonly concurrent: number;
}

/** Docker's. */
const defaultLimits: ForwarderLimits = { timeoutMs: 4000, concurrent: 1024 };
const maxServers = 3;
const codeMask = 0xf;

export class Forwarder {
  readonly #limits: ForwarderLimits;
  #outstanding = 0;

  constructor(limits: ForwarderLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Asks one server after the other until one has an answer that is not a failure of its own. Never rejects. */
  async forward(query: Buffer, servers: readonly NameServerAddress[], protocol: 'udp' | 'tcp'): Promise<Buffer> {
    if (this.#outstanding >= this.#limits.concurrent) return encodeResult(query, 'refused');
    this.#outstanding++;
    try {
      for (const server of servers.slice(0, maxServers)) {
        const answer = await this.#exchange(query, server, protocol);
        if (answer === undefined) continue;
        const code = answer.readUInt16BE(2) & codeMask;
        if (code !== resultCode.serverFailure && code !== resultCode.refused) return answer;
      }
      return encodeResult(query, 'serverFailure');
    } finally {
      this.#outstanding--;
    }
  }

  /** The answer with the query's own id; undefined when there was none in time. */
  async #exchange(query: Buffer, server: NameServerAddress, protocol: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    // An id and a port of chance: who cannot see the query cannot answer it (RFC 5452).
    const asked = Buffer.from(query);
    asked.writeUInt16BE(randomInt(0x1_0000), 0);
    const answer = await (protocol === 'udp' ? askByUdp : askByTcp)(asked, server, this.#limits.timeoutMs);
    answer?.writeUInt16BE(query.readUInt16BE(0), 0);
    return answer;
  }
}

/** It is a response, to this very question. */
function answers(query: Buffer, message: Buffer): boolean {
  if (message.length < headerSize || message.readUInt16BE(0) !== query.readUInt16BE(0) || (message[2] as number) < 0x80) return false;
  // A failure may come without the question.
  if (message.readUInt16BE(4) === 0) return (message.readUInt16BE(2) & codeMask) !== resultCode.noError;
  const [asked, answered] = [readQuestion(query), readQuestion(message)];
  return asked !== undefined && asked.type === answered?.type && asked.name.toLowerCase() === answered.name.toLowerCase();
}

function askByUdp(query: Buffer, { address, port = 53 }: NameServerAddress, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const settle = (answer: Buffer | undefined) => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      try {
        socket.close();
      } catch {
        // closed already, by an error of its own
      }
      resolve(answer);
    };
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    socket.on('error', () => settle(undefined));
    socket.on('message', (message: Buffer) => {
      if (answers(query, message)) settle(Buffer.from(message));
    });
    // Connected, so that the kernel takes datagrams of that server alone, and tells when nobody is there.
    socket.connect(port, address, (error?: Error | null) => {
      if (error) settle(undefined);
      else socket.send(query, (failed) => failed && settle(undefined));
    });
  });
}

function askByTcp(query: Buffer, { address, port = 53 }: NameServerAddress, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let received: Buffer = Buffer.alloc(0);
    const settle = (answer: Buffer | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    socket.on('error', () => settle(undefined));
    socket.on('close', () => settle(undefined));
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const message = Buffer.from(received.subarray(2, 2 + received.readUInt16BE(0)));
      settle(answers(query, message) ? message : undefined);
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}
