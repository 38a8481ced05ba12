/** Sends files to the client (`moby.filesync.v1.FileSend/DiffCopy`): a tree that it asks the contents of, or one stream of bytes. */
import { closeSync, createReadStream } from 'node:fs';
import { type Found, openPlace, type Place } from '../../storage/lookup.ts';
import type { ClientSession } from './client-session.ts';
import { packet, packetType } from './proto/fsutil.ts';
import { bytesMessage, sessionMethod } from './proto/session.ts';
import { type OutgoingCall, RpcError, rpcCode } from './rpc.ts';
import { listTree } from './tree-list.ts';

/** What a message holds of a file, in bytes: as much as BuildKit's own. */
const pieceBytes = 32 * 1024;

export interface SendRequest {
  /** Which of the build's exporters it is for: the client knows where that one's files go. */
  readonly exporter: number;
  readonly onBytes: (total: number) => void;
  readonly signal: AbortSignal;
}

/** Sends what is in a directory; the client asks for what it wants to have. Rejects with RpcError. */
export const sendTree = (session: ClientSession, root: Found | undefined, request: SendRequest): Promise<void> =>
  sending(session, request, (call) => new TreeSender(call, request).run(root));

/** Sends bytes as one file. Rejects with RpcError. */
export const sendStream = (session: ClientSession, chunks: AsyncIterable<Uint8Array>, request: SendRequest): Promise<void> =>
  sending(session, request, async (call) => {
    let total = 0;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += pieceBytes) await call.send(bytesMessage.encode({ data: chunk.subarray(at, at + pieceBytes) }));
      request.onBytes(total += chunk.length);
    }
    call.end();
    // Its end says that the file is where it belongs.
    for await (const _ of call.messages);
  });

async function sending(session: ClientSession, { exporter, signal }: SendRequest, send: (call: OutgoingCall) => Promise<void>): Promise<void> {
  if (!session.supports(sessionMethod.sendDiffCopy)) throw new RpcError(rpcCode.unimplemented, 'the client takes no files');
  const call = session.peer.call(sessionMethod.sendDiffCopy, { 'buildkit-attachable-exporter-id': [String(exporter)] });
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel);
  try {
    await send(call);
  } catch (error) {
    call.cancel();
    throw signal.aborted ? new RpcError(rpcCode.cancelled, 'context canceled') : error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

class TreeSender {
  readonly #call: OutgoingCall;
  readonly #request: SendRequest;
  /** By the numbers under which they were listed. */
  readonly #contents = new Map<number, Place>();
  #bytes = 0;

  constructor(call: OutgoingCall, request: SendRequest) {
    this.#call = call;
    this.#request = request;
  }

  async run(root: Found | undefined): Promise<void> {
    // The client asks while it is still being told.
    await Promise.all([this.#list(root), this.#answer()]);
  }

  async #list(root: Found | undefined): Promise<void> {
    let number = 0;
    for (const { stat, content } of root ? listTree(root) : []) {
      if (content) this.#contents.set(number, content);
      number++;
      await this.#send(packet.encode({ type: packetType.stat, stat }));
    }
    await this.#send(packet.encode({ type: packetType.stat }));
  }

  async #answer(): Promise<void> {
    for await (const bytes of this.#call.messages) {
      const { type, id, data } = packet.decode(bytes);
      switch (type) {
        case packetType.request: await this.#content(id); break;
        case packetType.error: throw new RpcError(rpcCode.unknown, `error from receiver: ${Buffer.from(data).toString()}`);
        case packetType.finish:
          await this.#send(packet.encode({ type: packetType.finish }));
          this.#call.end();
          break;
        default: throw new RpcError(rpcCode.invalidArgument, `unknown packet type ${type}`);
      }
    }
  }

  async #content(id: number): Promise<void> {
    const place = this.#contents.get(id);
    if (place === undefined) throw new RpcError(rpcCode.invalidArgument, 'content of a file that was not listed');
    const fd = openPlace(place);
    try {
      for await (const chunk of createReadStream('', { fd, autoClose: false, highWaterMark: pieceBytes })) {
        await this.#send(packet.encode({ type: packetType.data, id, data: chunk as Uint8Array }));
      }
    } finally {
      closeSync(fd);
    }
    await this.#send(packet.encode({ type: packetType.data, id }));
  }

  async #send(message: Uint8Array): Promise<void> {
    await this.#call.send(message);
    this.#request.onBytes(this.#bytes += message.length);
  }
}
