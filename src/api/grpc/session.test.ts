/** What a build asks its client for, over both ends of a connection: the client here is made to measure. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientSession } from '../../build/buildkit/client-session.ts';
import { syncDirectory } from '../../build/buildkit/file-sync.ts';
import { packet, packetType } from '../../build/buildkit/proto/fsutil.ts';
import { bytesMessage, checkAgentRequest, getSecretRequest, getSecretResponse, sessionMethod } from '../../build/buildkit/proto/session.ts';
import { type CallHandler, type IncomingCall, RpcError, rpcCode } from '../../build/buildkit/rpc.ts';
import { forwardAgent } from '../../build/buildkit/ssh-agent.ts';
import { ContextTree } from '../../build/context/tree.ts';
import { connectGrpc } from './client.ts';
import { serveGrpc } from './server.ts';

let root: string;
let server: Server;
const sockets: Socket[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'session-'));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  rmSync(root, { recursive: true });
});

/** A session with a client that serves these methods. */
async function sessionWith(methods: Readonly<Record<string, CallHandler>>): Promise<ClientSession> {
  const path = join(root, 'connection');
  const accepted = new Promise<Socket>((resolve) => {
    server = createServer(resolve);
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const near = connect(path);
  const far = await accepted;
  sockets.push(near, far);
  void serveGrpc(far, async (call) => {
    const handler = methods[call.path];
    if (handler === undefined) throw new RpcError(rpcCode.unimplemented, 'no such method');
    await handler(call);
  }, () => undefined);
  return new ClientSession({ id: 's', sharedKey: 'k', methods: new Set(Object.keys(methods)) }, connectGrpc(near));
}

const first = async (call: IncomingCall): Promise<Uint8Array> => {
  for await (const message of call.messages) return message;
  throw new Error('no message');
};

test('secrets: those that are there, and those that are not', async () => {
  const session = await sessionWith({
    [sessionMethod.getSecret]: async (call) => {
      const { id } = getSecretRequest.decode(await first(call));
      if (id !== 'known') throw new RpcError(rpcCode.notFound, 'not found');
      await call.send(getSecretResponse.encode({ data: Buffer.from('s3cret') }));
    },
  });
  expect(Buffer.from((await session.secret('known'))!).toString()).toBe('s3cret');
  expect(await session.secret('unknown')).toBeUndefined();
});

test('an agent: each connection is carried to the client, and ends with it', async () => {
  const session = await sessionWith({
    [sessionMethod.checkAgent]: async (call) => {
      if (checkAgentRequest.decode(await first(call)).id !== 'default') throw new RpcError(rpcCode.unknown, 'unset ssh forward key');
      await call.send(new Uint8Array(0));
    },
    [sessionMethod.forwardAgent]: async (call) => {
      expect(call.metadata('ssh.id')).toBe('default');
      for await (const message of call.messages) await call.send(bytesMessage.encode({ data: Buffer.from(Buffer.from(bytesMessage.decode(message).data).toString().toUpperCase()) }));
    },
  });
  expect(await forwardAgent(session, 'other', join(root, 'other'))).toBeUndefined();
  const agent = await forwardAgent(session, 'default', join(root, 'agent'));
  const ask = (text: string): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect(join(root, 'agent'));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.end(text);
  });
  expect(await Promise.all([ask('one'), ask('x'.repeat(100_000))])).toEqual(['ONE', 'X'.repeat(100_000)]);
  agent!.close();
  expect(await ask('two').catch((error: NodeJS.ErrnoException) => error.code)).toMatch(/ENOENT|ECONNREFUSED/);
});

test('an agent that refuses a connection ends it, whether or not something was said', async () => {
  const session = await sessionWith({
    [sessionMethod.checkAgent]: (call) => Promise.resolve(call.send(new Uint8Array(0))),
    [sessionMethod.forwardAgent]: () => Promise.reject(new RpcError(rpcCode.unknown, 'no agent')),
  });
  const agent = await forwardAgent(session, 'default', join(root, 'agent'));
  const closed = (said: string): Promise<void> => new Promise((resolve) => {
    const socket = connect(join(root, 'agent'));
    socket.on('error', () => undefined).on('close', () => resolve()).resume();
    if (said !== '') socket.write(said);
  });
  await Promise.all([closed(''), closed('question')]);
  agent!.close();
});

/** What becomes of a synchronisation with a client that sends these packets. */
async function outcomeOf(send: (call: IncomingCall) => Promise<void>): Promise<string> {
  const session = await sessionWith({ [sessionMethod.diffCopy]: send });
  const path = join(root, 'tree');
  mkdirSync(path);
  try {
    await syncDirectory(session, new ContextTree(path), { name: 'context', followPaths: ['é'], onBytes: () => undefined, signal: new AbortController().signal });
    return 'done';
  } catch (error) {
    return (error as Error).message;
  }
}

const stat = (path: string, size: number) => packet.encode({ type: packetType.stat, stat: { path, size, mode: 0o644 } });
const endOfList = packet.encode({ type: packetType.stat });
const data = (id: number, text: string) => packet.encode({ type: packetType.data, id, data: Buffer.from(text) });

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('files come in pieces, several at once', async () => {
  const outcome = await outcomeOf(async (call) => {
    expect([call.metadata('dir-name'), call.metadata('followpaths'), call.metadata('followpaths-encoded')]).toEqual(['context', '%C3%A9', '1']);
    for (const message of [stat('a', 2), stat('b', 2), endOfList]) await call.send(message);
    const asked: number[] = [];
    for await (const message of call.messages) {
      const { type, id } = packet.decode(message);
      if (type === packetType.finish) return call.send(message);
      if (asked.push(id) === 2) for (const piece of [data(0, 'A'), data(1, 'B'), data(1, 'b'), data(0, 'a'), data(1, ''), data(0, '')]) await call.send(piece);
    }
  });
  expect([outcome, readFileSync(join(root, 'tree/a'), 'utf8'), readFileSync(join(root, 'tree/b'), 'utf8')]).toEqual(['done', 'Aa', 'Bb']);
});

asRoot.each([
  ['an error of the client', 'error from sender: it went wrong', [packet.encode({ type: packetType.error, data: Buffer.from('it went wrong') })]],
  ['content that nobody asked for', 'content of a file that was not asked for', [data(3, 'x')]],
  ['a file after the end of the list', 'a file is listed after the end of the list', [stat('a', 0), endOfList, stat('b', 0)]],
  ['a packet of no known type', 'unknown packet type 9', [packet.encode({ type: 9 })]],
  ['a path that leads out', 'invalid file list: "../a" is no path', [stat('../a', 0)]],
  ['an end before the end', 'the client has stopped sending its files', [stat('a', 1)]],
] as const)('%s ends it', async (_name, message, packets) => {
  expect(await outcomeOf(async (call) => {
    for (const each of packets) await call.send(each);
    if (message.includes('stopped')) return;
    for await (const _ of call.messages);
  })).toBe(message);
});

asRoot('a failure of the client is told in its words', async () => {
  expect(await outcomeOf(() => Promise.reject(new RpcError(rpcCode.notFound, 'no access allowed to dir "context"')))).toBe('rpc error: code = NotFound desc = no access allowed to dir "context"');
});
