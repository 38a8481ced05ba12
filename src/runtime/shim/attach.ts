/** Attaching to the streams of a process that a shim owns. */
import { closeSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connectUnix } from '../../linux/ffi/connect.ts';
import { sendDescriptor } from '../../linux/ffi/sockets.ts';
import type { Attachment, AttachOptions } from '../shim.ts';
import { adoptSocket, encodeMessage } from './connection.ts';
import { streamFlag } from './protocol.ts';

const streamBits = ({ stdin, stdout, stderr }: AttachOptions) =>
  (stdin ? streamFlag.stdin : 0) | (stdout ? streamFlag.stdout : 0) | (stderr ? streamFlag.stderr : 0);

/**
 * Connects to a shim's socket and says what for, all before returning: a launch or an exec that is sent afterwards finds the
 * attachment there. `target` is the id of an exec, or empty for the container. Throws SystemCallError when nobody listens.
 */
export function attachStream(socketPath: string, target: string, options: AttachOptions): Socket {
  const fd = connectUnix(socketPath);
  try {
    // A new socket's buffer is larger than any header, so this neither blocks nor comes back short.
    writeSync(fd, encodeMessage('attach', { target, streams: streamBits(options) }));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return adoptSocket(fd);
}

/** Attaches this process or, when it lets go of its connection, the client itself; null then. */
export function attach(socketPath: string, target: string, { options, takeClient }: Attachment): Socket | null {
  const client = takeClient?.();
  if (client === undefined) return attachStream(socketPath, target, options);
  try {
    attachClient(socketPath, target, options, client);
  } finally {
    closeSync(client);
  }
  return null;
}

/** The same for a client whose own connection (`client`, which stays the caller's to close) the shim is to serve from here on. */
export function attachClient(socketPath: string, target: string, options: AttachOptions, client: number): void {
  const fd = connectUnix(socketPath);
  try {
    sendDescriptor(fd, encodeMessage('attach', { target, streams: streamBits(options) }), client);
  } finally {
    closeSync(fd);
  }
}
