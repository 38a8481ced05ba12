/** Calls made over a connection that the other side has opened (`POST /session`): the client that builds is the server of its files. */
import type { Duplex } from 'node:stream';
import { type CallMetadata, type OutgoingCall, remoteError, type RpcPeer } from '../../build/buildkit/rpc.ts';
import { Http2Connection } from '../http2/connection.ts';
import { errorCode } from '../http2/http2-error.ts';
import { readMessages, writeFrame } from './call-stream.ts';
import { frameMessage } from './message-frames.ts';
import { failureOf } from './status.ts';

export function connectGrpc(socket: Duplex): RpcPeer {
  const connection = new Http2Connection(socket);
  return { closed: connection.closed, call: (path, metadata = {}) => outgoing(connection, path, metadata), close: () => connection.close() };
}

function outgoing(connection: Http2Connection, path: string, metadata: CallMetadata): OutgoingCall {
  const stream = connection.request([
    [':method', 'POST'], [':scheme', 'http'], [':path', path], [':authority', 'localhost'], ['content-type', 'application/grpc'], ['te', 'trailers'],
    ...Object.entries(metadata).flatMap(([name, values]) => values.map((value) => [name, value] as const)),
  ]);
  let first: Awaited<typeof stream.headers> = [];
  stream.headers.then((headers) => (first = headers), () => undefined);
  return {
    messages: readMessages(stream, () => {
      // A call that fails at once has its status in the only headers there are.
      const failure = failureOf(stream.trailers.length > 0 ? stream.trailers : first);
      return failure && remoteError(failure);
    }),
    send: (message) => writeFrame(stream, frameMessage(message)),
    end: () => stream.end(),
    cancel: () => stream.reset(errorCode.cancel),
  };
}
