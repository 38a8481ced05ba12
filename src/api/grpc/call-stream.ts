/** Messages of one call on its HTTP/2 stream. */
import type { Http2Stream } from 'node:http2';
import { RpcError, rpcCode } from '../../build/buildkit/rpc.ts';
import { MessageReader } from './message-frames.ts';

export const connectionEnded = (): RpcError => new RpcError(rpcCode.unavailable, 'the connection has ended');

/** `failure`: what the other side says of the call when it has ended. */
export async function* readMessages(stream: Http2Stream, failure?: Promise<RpcError | undefined>): AsyncGenerator<Uint8Array> {
  const reader = new MessageReader();
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield* reader.feed(chunk as Uint8Array);
  } catch (error) {
    if (error instanceof RpcError) throw error;
    throw (await failure) ?? connectionEnded();
  }
  const failed = await failure;
  if (failed !== undefined) throw failed;
  reader.finish();
}

/** Undefined while the other side keeps up. */
export function writeFrame(stream: Http2Stream, frame: Buffer): Promise<void> | undefined {
  if (stream.destroyed || !stream.writable) return Promise.reject(new RpcError(rpcCode.unavailable, 'the call has ended'));
  return stream.write(frame) ? undefined : drained(stream);
}

function drained(stream: Http2Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('drain', settle);
      stream.off('close', settle);
      if (stream.destroyed) reject(new RpcError(rpcCode.unavailable, 'the call has ended'));
      else resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
}
