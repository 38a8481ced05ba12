/** Calls made over a connection that the other side has opened (`POST /session`): the client that builds is the server of its files. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { CallMetadata, OutgoingCall, RpcError, RpcPeer } from '../../build/buildkit/rpc.ts';
import { connectionEnded, readMessages, writeFrame } from './call-stream.ts';
import { connectionStream } from './connection-stream.ts';
import { frameMessage } from './message-frames.ts';
import { http2Settings } from './settings.ts';
import { failureOf } from './status.ts';

export async function connectGrpc(socket: Duplex): Promise<RpcPeer> {
  const { connect, constants } = await import('node:http2');
  const session = connect('http://localhost', { createConnection: () => connectionStream(socket), settings: http2Settings });
  const closed = new AbortController();
  session.on('error', () => closed.abort());
  session.on('close', () => closed.abort());
  socket.once('close', () => closed.abort());
  const cancel = constants.NGHTTP2_CANCEL;
  return {
    closed: closed.signal,
    call: (path, metadata = {}) => outgoing(session, path, metadata, (stream) => stream.close(cancel)),
    close: () => session.close(() => void socket.destroy()),
  };
}

function outgoing(session: ClientHttp2Session, path: string, metadata: CallMetadata, cancel: (stream: ClientHttp2Stream) => void): OutgoingCall {
  const stream = session.request({
    ':method': 'POST', ':path': path, ':scheme': 'http', ':authority': 'localhost', 'content-type': 'application/grpc', te: 'trailers', ...metadata,
  });
  // Bun tells of trailers after the end of the data.
  const { promise: failure, resolve } = Promise.withResolvers<RpcError | undefined>();
  // A call that fails at once has its status in the only headers there are.
  stream.on('response', (headers) => {
    if (headers['grpc-status'] !== undefined) resolve(failureOf(headers));
  });
  stream.on('trailers', (headers: IncomingHttpHeaders) => resolve(failureOf(headers)));
  stream.on('close', () => resolve(connectionEnded()));
  stream.on('error', () => undefined); // whoever reads or writes is told
  return {
    messages: readMessages(stream, failure),
    send: (message) => writeFrame(stream, frameMessage(message)),
    end: () => void stream.end(),
    cancel: () => cancel(stream),
  };
}
