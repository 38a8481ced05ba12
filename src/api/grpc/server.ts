/** gRPC served on a connection that was HTTP/1.1 until its upgrade (`POST /grpc`). */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { type CallHandler, type IncomingCall, RpcError, rpcCode } from '../../build/buildkit/rpc.ts';
import { frameMessage } from './message-frames.ts';
import { readMessages, writeFrame } from './call-stream.ts';
import { connectionStream } from './connection-stream.ts';
import { http2Settings } from './settings.ts';
import { statusTrailers } from './status.ts';

const grpcType = 'application/grpc';

/** Serves calls until the connection ends. `onFault`: a handler threw what is no answer for a client. */
export async function serveGrpc(socket: Duplex, handler: CallHandler, onFault: (error: unknown) => void): Promise<void> {
  const { createServer } = await import('node:http2');
  const server = createServer({ settings: http2Settings });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void serveCall(stream, headers, handler, onFault));
  server.on('sessionError', () => socket.destroy());
  const ended = new Promise<void>((resolve) => void socket.once('close', resolve));
  server.emit('connection', connectionStream(socket));
  await ended;
  server.close();
}

async function serveCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handler: CallHandler, onFault: (error: unknown) => void): Promise<void> {
  const gone = new AbortController();
  stream.on('error', () => gone.abort());
  stream.on('aborted', () => gone.abort());
  stream.on('close', () => gone.abort());
  if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith(grpcType)) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200, 'content-type': grpcType }, { waitForTrailers: true });
  const call: IncomingCall = {
    path: headers[':path'] as string,
    metadata: (name) => {
      const value = headers[name];
      return typeof value === 'object' ? value[0] : value;
    },
    messages: readMessages(stream),
    send: (message) => writeFrame(stream, frameMessage(message)),
    signal: gone.signal,
  };
  const failure = await failureOfHandling(handler, call, onFault);
  if (stream.destroyed || stream.closed) return;
  stream.once('wantTrailers', () => stream.sendTrailers(statusTrailers(failure)));
  stream.end();
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
