/** Ports that a shim holds, against the real kernel: needs root and a built helper. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tryBind } from '../linux/ffi/try-bind.ts';
import { createLauncher } from './launcher.ts';
import type { Operation } from './plan/operations.ts';
import type { Launcher } from './shim.ts';
import { failureOf } from './testing/failure.ts';
import { containerPlan, endContainers, helperPath, launchRequest, makeSandbox, type Sandbox } from './testing/plain-container.ts';

const missing = process.getuid?.() !== 0 ? 'needs root' : existsSync(helperPath) ? undefined : 'needs native/build/caisson-shim';
const [tcp, udp] = [6, 17];
const eaddrinuse = 98;
const loopback = { 4: Uint8Array.of(127, 0, 0, 1), 6: Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0)) };

let sandbox: Sandbox;
let launcher: Launcher;
let number = 0;

const bindPort = (protocol: number, address: Uint8Array, port: number): Operation => ({ name: 'bindPort', reason: 'test', protocol, address, port, relayAddress: new Uint8Array(), relayPort: 0 });

const launch = async (...prepare: readonly Operation[]) => {
  number += 1;
  return (await launcher.launch(launchRequest(sandbox, number, containerPlan(sandbox.root, { argv: ['sleep', '1000'], prepare })), [])).shim;
};

/** A port that was free a moment ago, and a server on it. */
async function listen(port = 0): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => socket.end());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}
async function freePort(): Promise<number> {
  const { server, port } = await listen();
  server.close();
  await once(server, 'close');
  return port;
}

describe.skipIf(missing !== undefined)(`bound ports${missing === undefined ? '' : ` (${missing})`}`, () => {
  beforeAll(() => {
    sandbox = makeSandbox();
    launcher = createLauncher({ helperPath, execRoot: sandbox.execRoot });
  });
  afterAll(async () => {
    await launcher.close();
    await endContainers(launcher, sandbox);
    sandbox.remove();
  });

  test('nobody else has them until the container has ended', async () => {
    const port = await freePort();
    const wanted = [[tcp, loopback[4]], [tcp, loopback[6]], [udp, loopback[4]], [udp, loopback[6]]] as const;
    const shim = await launch(...wanted.map(([protocol, address]) => bindPort(protocol, address, port)));
    expect(wanted.map(([protocol, address]) => tryBind(protocol, address, port))).toEqual([eaddrinuse, eaddrinuse, eaddrinuse, eaddrinuse]);
    // A client that is not led to the container is refused at once, and may try another address.
    const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(refused.code).toBe('ECONNREFUSED');
    await shim.signal(9);
    await shim.released;
    expect(wanted.map(([protocol, address]) => tryBind(protocol, address, port))).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('a port that somebody has fails the launch, and the rest is given back', async () => {
    const { server, port } = await listen();
    const other = await freePort();
    const failure = await failureOf(launch(bindPort(tcp, loopback[4], other), bindPort(tcp, loopback[4], port)));
    expect(failure.failure).toMatchObject({ section: 'prepare', index: 1, errno: eaddrinuse });
    expect(tryBind(tcp, loopback[4], other)).toBeUndefined();
    server.close();
  });

  test('connections that a former owner has closed are no obstacle', async () => {
    const { server, port } = await listen();
    const client = connect(port, '127.0.0.1');
    client.resume();
    await once(client, 'close');
    server.close();
    await once(server, 'close');
    const shim = await launch(bindPort(tcp, loopback[4], port));
    const late = createServer();
    late.listen(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    await shim.signal(9);
    await shim.released;
  });
});
