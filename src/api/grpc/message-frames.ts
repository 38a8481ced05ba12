/** Messages on a stream of gRPC: a flag for compression, the length, the bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { RpcError, rpcCode } from '../../build/buildkit/rpc.ts';

const prefixBytes = 5;
/** BuildKit's own limit. */
const maxMessageBytes = 16 * 1024 * 1024;

export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** Takes messages out of chunks that end anywhere. */
export class MessageReader {
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** What is whole with this chunk. Throws RpcError for what is compressed or too long. */
  *feed(chunk: Uint8Array): Generator<Uint8Array> {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (let length = this.#nextLength(); length !== undefined && this.#buffered >= prefixBytes + length; length = this.#nextLength()) {
      yield this.#take(prefixBytes + length).subarray(prefixBytes);
    }
  }

  /** Throws RpcError when a message has only begun. */
  finish(): void {
    if (this.#buffered > 0) throw new RpcError(rpcCode.internal, 'the stream ends within a message');
  }

  #nextLength(): number | undefined {
    if (this.#buffered < prefixBytes) return undefined;
    if (this.#chunks[0]!.length < prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)];
    const head = this.#chunks[0]!;
    if (head[0] !== 0) throw new RpcError(rpcCode.unimplemented, 'compressed messages are not supported');
    const length = new DataView(head.buffer, head.byteOffset, prefixBytes).getUint32(1);
    if (length > maxMessageBytes) throw new RpcError(rpcCode.resourceExhausted, `message of ${length} bytes is larger than ${maxMessageBytes}`);
    return length;
  }

  #take(length: number): Uint8Array {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks)];
    const head = this.#chunks[0]!;
    this.#buffered -= length;
    if (head.length === length) this.#chunks.shift();
    else this.#chunks[0] = head.subarray(length);
    return head.subarray(0, length);
  }
}
