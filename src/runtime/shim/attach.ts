/** Attaching to the streams of a process that a shim owns. */
import { closeSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connectUnix } from '../../linux/ffi/connect.ts';
import type { AttachOptions } from '../shim.ts';
import { adoptSocket, encodeMessage } from './connection.ts';
import { streamFlag } from './protocol.ts';

/**
 * Connects to a shim's socket and says what for, all before returning: a launch or an exec that is sent afterwards finds the
 * attachment there. `target` is the id of an exec, or empty for the container. Throws SystemCallError when nobody listens.
 */
export function attachStream(socketPath: string, target: string, options: AttachOptions): Socket {
  const streams = (options.stdin ? streamFlag.stdin : 0) | (options.stdout ? streamFlag.stdout : 0) | (options.stderr ? streamFlag.stderr : 0);
  const fd = connectUnix(socketPath);
  try {
    // A new socket's buffer is larger than any header, so this neither blocks nor comes back short.
    writeSync(fd, encodeMessage('attach', { target, streams }));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return adoptSocket(fd);
}
