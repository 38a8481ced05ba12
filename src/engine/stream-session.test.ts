import { expect, test } from 'bun:test';
import { createServer, connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relay } from './stream-session.ts';

/** Two ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const directory = mkdtempSync(join(tmpdir(), 'caisson-relay-'));
  const path = join(directory, 'socket');
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve);
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const ours = connect({ path, allowHalfOpen: true });
  const theirs = await accepted.promise;
  server.close();
  rmSync(directory, { recursive: true });
  return [ours, theirs];
}

/** Reads to the end, leaving the socket open for writing. */
const ended = (socket: Socket) => new Promise<string>((resolve) => {
  let text = '';
  if (socket.readableEnded) resolve(text);
  socket.on('data', (chunk) => { text += String(chunk); });
  socket.on('end', () => resolve(text));
});
const options = { stdin: true, detachKeys: null, onDetach: () => undefined, exited: Promise.resolve() };
/** Long enough for the end of a connection to be seen. */
const later = () => new Promise((resolve) => setTimeout(resolve, 20));

test('input and output are passed on until the output ends', async () => {
  const [person, client] = await pair();
  const [stream, shim] = await pair();
  const done = relay(client, stream, options);
  person.end('in');
  expect(await ended(shim)).toBe('in');
  shim.end('out');
  expect(await ended(person)).toBe('out');
  await done;
});

test('output that has ended already, without a byte, ends the client', async () => {
  const [person, client] = await pair();
  const [stream, shim] = await pair();
  shim.end();
  await later();
  await relay(client, stream, options);
  expect(await ended(person)).toBe('');
});

test('input that has ended already, without a byte, ends stdin', async () => {
  const [person, client] = await pair();
  const [stream, shim] = await pair();
  person.end();
  await later();
  const done = relay(client, stream, options);
  expect(await ended(shim)).toBe('');
  shim.end('last');
  expect(await ended(person)).toBe('last');
  await done;
});

test('the client learns of the end when the exit has been recorded, not before', async () => {
  const [person, client] = await pair();
  const [stream, shim] = await pair();
  const exited = Promise.withResolvers<void>();
  let recorded = false;
  const done = relay(client, stream, { ...options, exited: exited.promise });
  shim.end('out');
  setTimeout(() => {
    recorded = true;
    exited.resolve();
  }, 30);
  expect(await ended(person)).toBe('out');
  expect(recorded).toBe(true);
  await done;
});
