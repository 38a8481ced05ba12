/** The daemon's end of a container's name service: queries in, answers out, on a connection of their own. */
import { writeSync } from 'node:fs';
import { connectUnix } from '../../linux/ffi/connect.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import type { NameServer } from '../shim.ts';
import { ControlConnection, encodeMessage, type Reply } from './connection.ts';

/** Until the shim at `path` ends. One that has ended already asks nothing. */
export function serveNames(path: string, serve: NameServer): void {
  let fd: number;
  try {
    fd = connectUnix(path);
  } catch (error) {
    if (error instanceof SystemCallError && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')) return;
    throw error;
  }
  writeSync(fd, encodeMessage('names', {}));
  const connection: ControlConnection = new ControlConnection(fd, {
    onEvent(event) {
      if (event.kind === 'query') void answer(connection, event, serve);
    },
    onClose: () => undefined,
  });
}

async function answer(connection: ControlConnection, { token, tcp, data }: Reply<'query'>, serve: NameServer): Promise<void> {
  const result = serve(Buffer.from(data.buffer, data.byteOffset, data.length), tcp !== 0);
  const answered = result instanceof Promise ? await result : result;
  connection.send(encodeMessage('answer', { token, tcp, data: answered }));
}
