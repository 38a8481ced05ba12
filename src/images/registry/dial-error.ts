/**
 * Why a server could not be reached, in the words of Go's net package, which people know from Docker and search for. The
 * runtime tells a code alone; which address it was about is found by asking again.
 */
import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { once } from 'node:events';

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  ENETUNREACH: 'network is unreachable',
  EHOSTUNREACH: 'no route to host',
  ETIMEDOUT: 'connection timed out',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
};

const certificateWords: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  CERT_SIGNATURE_FAILURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** A TCP connection that is only to show an error must not take long, in milliseconds. */
const patience = 2000;

/** What `error`, thrown by fetch for `url`, is in Go's words. `proxy` is what was connected to, where there was one. */
export async function dialError(url: URL, error: unknown, proxy: URL | undefined): Promise<string> {
  const code = codeOf(error);
  const certificate = certificateWords[code];
  if (certificate !== undefined) return `tls: failed to verify certificate: x509: ${certificate}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: x509: certificate is not valid for ${url.hostname}`;
  }
  if (code === 'EPROTO') return 'http: server gave HTTP response to HTTPS client';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL') return `${prefix(proxy)}${await lookupError((proxy ?? url).hostname, code)}`;
  if (code === 'ECONNRESET') return 'EOF';
  if (code in words) return `${prefix(proxy)}${await connectError(proxy ?? url, code)}`;
  return error instanceof Error ? error.message : String(error);
}

const prefix = (proxy: URL | undefined) => (proxy ? 'proxyconnect tcp: ' : '');

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

async function lookupError(host: string, code: string): Promise<string> {
  const server = nameServer();
  const head = `dial tcp: lookup ${host}`;
  if (server === undefined) return `${head}: no such host`;
  if (code === 'ENOTFOUND') return `${head} on ${server}:53: no such host`;
  const unreachable = await udpError(server);
  const why = unreachable === undefined ? 'server misbehaving' : `dial udp ${server}:53: connect: ${unreachable}`;
  return `${head} on ${server}:53: ${why}`;
}

/** The first of resolv.conf(5). */
function nameServer(): string | undefined {
  try {
    return /^nameserver\s+(\S+)/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function udpError(address: string): Promise<string | undefined> {
  const socket = dgram.createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  try {
    const failed = once(socket, 'error').then(([error]) => error as unknown);
    failed.catch(() => undefined);
    const error = await Promise.race([failed, sent(socket, address)]);
    return error === undefined ? undefined : words[codeOf(error)];
  } finally {
    socket.close();
  }
}

/** Resolves with the error of sending a datagram; an empty one, to the port nobody serves. */
function sent(socket: dgram.Socket, address: string): Promise<unknown> {
  return new Promise((resolve) => {
    socket.send(Buffer.alloc(0), 9, address, (error) => resolve(error ?? undefined));
  });
}

async function connectError({ hostname, port, protocol }: URL, code: string): Promise<string> {
  const number = Number(port) || (protocol === 'https:' ? 443 : 80);
  const host = hostname.replace(/^\[|\]$/g, '');
  const addresses = await lookup(host, { all: true, verbatim: true }).catch(() => []);
  for (const { address, family } of addresses) {
    const failure = await tcpError(address, number);
    if (failure === undefined) continue;
    return `dial tcp ${family === 6 ? `[${address}]` : address}:${number}: connect: ${words[failure] ?? failure}`;
  }
  return `dial tcp ${host}:${number}: connect: ${words[code]}`;
}

async function tcpError(address: string, port: number): Promise<string | undefined> {
  const socket = connect({ host: address, port });
  socket.setTimeout(patience, () => socket.destroy());
  try {
    await once(socket, 'connect');
    return undefined;
  } catch (error) {
    return codeOf(error);
  } finally {
    socket.destroy();
  }
}
