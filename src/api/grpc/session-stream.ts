/** `Control/Session`: a session's connection inside of a call, for clients that have one connection alone. */
import { Duplex } from 'node:stream';
import { bytesMessage } from '../../build/buildkit/proto/session.ts';
import type { IncomingCall } from '../../build/buildkit/rpc.ts';

export const sessionPath = '/moby.buildkit.v1.Control/Session';

/** Resolves to what went wrong. */
async function failureOfSending(call: IncomingCall, data: Uint8Array): Promise<Error | null> {
  try {
    await call.send(bytesMessage.encode({ data }));
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** The bytes that the call's messages hold, either way. */
export function sessionStream(call: IncomingCall): Duplex {
  const messages = call.messages[Symbol.asyncIterator]();
  const stream: Duplex = new Duplex({
    read() {
      messages.next().then(({ done, value }) => stream.push(done === true ? null : bytesMessage.decode(value).data)).catch((error: Error) => stream.destroy(error));
    },
    write(chunk: Uint8Array, _encoding, done) {
      void (async () => done(await failureOfSending(call, chunk)))();
    },
  });
  call.signal.addEventListener('abort', () => stream.destroy());
  return stream;
}
