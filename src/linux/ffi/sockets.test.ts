import { afterAll, expect, test } from 'bun:test';
import { closeSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedMemfd } from './memfd.ts';
import { getRlimit, raiseDescriptorLimit, setRlimit } from './process.ts';
import { listenUnix, peerCredentials, socketpair, throughShortPath } from './sockets.ts';

const root = mkdtempSync(join(tmpdir(), 'caisson-sockets-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a socket pair is connected and knows who made it', () => {
  const [left, right] = socketpair();
  writeSync(left, 'hello');
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('utf8', 0, readSync(right, buffer))).toBe('hello');
  expect(peerCredentials(right)).toEqual({ pid: process.pid, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 });
  closeSync(left);
  closeSync(right);
});

test('a listener at a path longer than an address accepts connections', async () => {
  const directory = join(root, 'd'.repeat(100), 'e'.repeat(100));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'socket');
  const fd = listenUnix(path);
  expect(lstatSync(path).isSocket()).toBe(true);
  expect(() => listenUnix(path)).toThrow(expect.objectContaining({ code: 'EADDRINUSE', path }));
  const server = createServer((socket) => socket.end('hi'));
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = throughShortPath(path, (short) => connect(short));
    socket.on('data', (data) => resolve(data.toString())).on('error', reject);
  });
  expect(answer).toBe('hi');
  server.close();
});

test('a sealed memfd holds its content and refuses to change', () => {
  const content = new Uint8Array(300_000).fill(7);
  const fd = sealedMemfd('caisson-test', content, { executable: true });
  expect(new Uint8Array(readFileSync(`/proc/self/fd/${fd}`))).toEqual(content);
  expect(() => writeSync(fd, 'x', 0)).toThrow('EPERM');
  closeSync(fd);
});

test('the limit of open files is raised to the hard one', () => {
  const before = getRlimit(7);
  setRlimit(7, { soft: before.hard - 1n, hard: before.hard });
  expect(raiseDescriptorLimit().soft).toBe(before.hard - 1n);
  expect(getRlimit(7)).toEqual({ soft: before.hard, hard: before.hard });
  setRlimit(7, before);
});
