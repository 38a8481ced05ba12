/** gRPC served on a connection that was HTTP/1.1 until its upgrade (`POST /grpc`). */
import type { Duplex } from 'node:stream';
import { type CallHandler, type IncomingCall, RpcError, rpcCode } from '../../build/buildkit/rpc.ts';
import { Http2Connection } from '../http2/connection.ts';
import { errorCode } from '../http2/http2-error.ts';
import type { HeaderList } from '../http2/hpack.ts';
import type { Http2Stream } from '../http2/stream.ts';
import { readMessages, writeFrame } from './call-stream.ts';
import { frameMessage } from './message-frames.ts';
import { statusTrailers } from './status.ts';

const grpcType = 'application/grpc';
/** Calls that are being answered, those that the client has given up among them. */
const maxCalls = 512;

/** Serves calls until the connection ends. `onFault`: a handler threw what is no answer for a client. */
export async function serveGrpc(socket: Duplex, handler: CallHandler, onFault: (error: unknown) => void): Promise<void> {
  let calls = 0;
  const connection: Http2Connection = new Http2Connection(socket, {
    onRequest: (stream, headers) => {
      if (++calls > maxCalls) return connection.close(errorCode.enhanceYourCalm);
      void serveCall(stream, headers, handler, onFault).finally(() => calls--);
    },
  });
  await new Promise<void>((resolve) => {
    connection.closed.addEventListener('abort', () => resolve());
  });
}

async function serveCall(stream: Http2Stream, headers: HeaderList, handler: CallHandler, onFault: (error: unknown) => void): Promise<void> {
  const metadata = (name: string): string | undefined => {
    const values = headers.filter((entry) => entry[0] === name);
    return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ');
  };
  if (metadata(':method') !== 'POST' || !metadata('content-type')?.startsWith(grpcType)) {
    stream.sendHeaders([[':status', '415']]);
    stream.end();
    return;
  }
  stream.sendHeaders([[':status', '200'], ['content-type', grpcType]]);
  const call: IncomingCall = {
    path: metadata(':path') ?? '', metadata, messages: readMessages(stream, () => undefined), send: (message) => writeFrame(stream, frameMessage(message)), signal: stream.signal,
  };
  const failure = await failureOfHandling(handler, call, onFault);
  stream.discard();
  stream.end(statusTrailers(failure));
}

async function failureOfHandling(handler: CallHandler, call: IncomingCall, onFault: (error: unknown) => void): Promise<RpcError | undefined> {
  try {
    await handler(call);
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error;
    if (call.signal.aborted) return new RpcError(rpcCode.cancelled, 'context canceled');
    onFault(error);
    return new RpcError(rpcCode.unknown, error instanceof Error ? error.message : String(error));
  }
}
