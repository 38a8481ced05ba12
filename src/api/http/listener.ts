/** Listening on `unix://PATH` and `tcp://HOST:PORT`. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { conflict, invalidParameter, systemError } from '../../errors.ts';
import { Connection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';

/** Where to listen, as `--host` says it. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** sun_path of sockaddr_un, less its final NUL (unix(7)). */
const maxSocketPathBytes = 107;

/**
 * Parses `unix:///run/caisson/caisson.sock` or `tcp://127.0.0.1:2375`.
 * @throws invalid-parameter
 */
export function parseHost(host: string): Address {
  const unix = /^unix:\/\/(.+)$/.exec(host)?.[1];
  if (unix !== undefined) {
    if (Buffer.byteLength(unix) > maxSocketPathBytes) {
      throw invalidParameter(`socket path "${unix}" is longer than the kernel allows (${maxSocketPathBytes} bytes)`);
    }
    return { kind: 'unix', path: unix };
  }
  const tcp = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]*)(?::([0-9]{1,5}))?\/?$/.exec(host);
  const port = Number(tcp?.[2] ?? 2375);
  if (tcp === null || port > 65535) {
    throw invalidParameter(`invalid host "${host}": use unix:///path/to/socket or tcp://address:port`);
  }
  return { kind: 'tcp', host: tcp[1]?.replace(/^\[|\]$/g, '') || '127.0.0.1', port };
}

export interface Listener {
  /** Stops listening and cuts all connections. */
  close(): Promise<void>;
}

/**
 * Listens and answers.
 * @throws conflict when another daemon is alive on the address
 */
export async function listen(address: Address, options: ConnectionOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new Connection(socket, options).open();
  });
  if (address.kind === 'unix') await listenUnix(server, address.path);
  else await bind(server, address, `tcp://${address.host}:${address.port}`);
  return { close: () => close(server, sockets) };
}

async function listenUnix(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStaleSocket(path);
  // No moment in which others could connect: the file is made with mode 0660 (0777 less the mask).
  const mask = process.umask(0o117);
  try {
    const bound = bind(server, { path }, path);
    process.umask(mask);
    await bound;
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o660);
  const group = dockerGroup();
  if (group !== undefined) chownSync(path, 0, group);
}

function bind(server: Server, address: { path: string } | { host: string; port: number }, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') reject(conflict(`another process is listening on ${name}`, { cause }));
      else reject(systemError(`cannot listen on ${name}: ${cause.code ?? cause.message}`, { cause }));
    });
    server.listen(address, resolve);
  });
}

/** A socket file outlives a daemon that was killed. It is removed when nobody answers on it. */
async function removeStaleSocket(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw conflict(`cannot listen on ${path}: it exists and is not a socket; remove it or choose another --host`);
  }
  if (await answers(path)) {
    throw conflict(`another daemon is listening on ${path}; stop it first, or choose another --host for this one`);
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** The id of group `docker`, whose members may use the socket, as with Docker. */
function dockerGroup(): number | undefined {
  try {
    const id = /^docker:[^:]*:([0-9]+):/m.exec(readFileSync('/etc/group', 'latin1'))?.[1];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined;
  }
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
