/** Messages of one call on its stream of HTTP/2. */
import { RpcError, rpcCode } from '../../build/buildkit/rpc.ts';
import type { Http2Stream } from '../http2/stream.ts';
import { MessageReader } from './message-frames.ts';

export const connectionEnded = (): RpcError => new RpcError(rpcCode.unavailable, 'the connection has ended');

/** To the end of the other side's data; then `failure` says how the call has ended. */
export async function* readMessages(stream: Http2Stream, failure: () => RpcError | undefined): AsyncGenerator<Uint8Array> {
  const reader = new MessageReader();
  try {
    for await (const chunk of stream.data()) yield* reader.feed(chunk);
  } catch (error) {
    throw error instanceof RpcError ? error : connectionEnded();
  }
  const failed = failure();
  if (failed !== undefined) throw failed;
  reader.finish();
}

/** Undefined while the other side keeps up. */
export function writeFrame(stream: Http2Stream, frame: Buffer): Promise<void> | undefined {
  return stream.write(frame)?.catch(() => {
    // Who has said all takes no more: how the call has ended is in what was said.
    if (!stream.hasEnded) throw connectionEnded();
  });
}
