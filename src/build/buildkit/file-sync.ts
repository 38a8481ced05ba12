/**
 * Takes a directory over from the client (fsutil's protocol over `moby.filesync.v1.FileSync/DiffCopy`): it lists what it has, is asked
 * for the contents that are not here yet, and sends them in pieces of several files at once.
 */
import { Pace } from '../../storage/pace.ts';
import type { ContextTree } from '../context/tree.ts';
import type { ClientSession } from './client-session.ts';
import { packet, packetType, type Stat } from './proto/fsutil.ts';
import { sessionMethod } from './proto/session.ts';
import { type OutgoingCall, RpcError, rpcCode } from './rpc.ts';
import { type IncomingFile, SyncedDirectory } from './synced-directory.ts';

export interface SyncRequest {
  /** What the client knows the directory by: `context`, `dockerfile`, … */
  readonly name: string;
  /** Patterns: what is left out. */
  readonly excludes?: readonly string[];
  /** Paths that are wanted, and what links on the way lead to; empty for all. */
  readonly followPaths?: readonly string[];
  /** Told of bytes that have come, more than once. */
  readonly onBytes: (total: number) => void;
  readonly signal: AbortSignal;
}

/** Files that are asked for and have not come: each has a descriptor open. */
const maxUnderWay = 64;

/** Rejects with RpcError; a directory that is not whole then is completed by the next try. */
export async function syncDirectory(session: ClientSession, tree: ContextTree, request: SyncRequest): Promise<void> {
  if (!session.supports(sessionMethod.diffCopy)) throw new RpcError(rpcCode.unimplemented, 'the client serves no files');
  const call = session.peer.call(sessionMethod.diffCopy, metadataOf(request));
  const cancel = (): void => call.cancel();
  request.signal.addEventListener('abort', cancel);
  const directory = new SyncedDirectory(tree);
  try {
    await new Receiver(call, directory, request).run();
  } catch (error) {
    call.cancel();
    throw request.signal.aborted ? new RpcError(rpcCode.cancelled, 'context canceled') : error;
  } finally {
    request.signal.removeEventListener('abort', cancel);
    directory.close();
  }
}

function metadataOf({ name, excludes = [], followPaths = [] }: SyncRequest): Record<string, readonly string[]> {
  return { 'dir-name': [name], ...list('exclude-patterns', excludes), ...list('followpaths', followPaths) };
}

/** What is not ASCII is escaped, and that is said beside it. */
function list(name: string, values: readonly string[]): Record<string, readonly string[]> {
  if (values.length === 0) return {};
  // oxlint-disable-next-line no-control-regex -- header values are printable ASCII
  if (values.every((value) => /^[\u0020-\u007e]*$/.test(value))) return { [name]: values };
  return { [name]: values.map((value) => encodeURIComponent(value)), [`${name}-encoded`]: ['1'] };
}

class Receiver {
  readonly #call: OutgoingCall;
  readonly #directory: SyncedDirectory;
  readonly #request: SyncRequest;
  /** Wanted, and not asked for yet. */
  readonly #wanted: { readonly id: number; readonly stat: Stat }[] = [];
  readonly #underWay = new Map<number, IncomingFile>();
  #listed = 0;
  #isListed = false;
  #bytes = 0;

  constructor(call: OutgoingCall, directory: SyncedDirectory, request: SyncRequest) {
    this.#call = call;
    this.#directory = directory;
    this.#request = request;
  }

  async run(): Promise<void> {
    const pace = new Pace();
    let isFinished = false;
    try {
      for await (const bytes of this.#call.messages) {
        this.#bytes += bytes.length;
        this.#request.onBytes(this.#bytes);
        this.#packet(bytes);
        while (this.#underWay.size < maxUnderWay && this.#wanted.length > 0) await this.#ask(this.#wanted.shift()!);
        if (this.#isListed && !isFinished && this.#wanted.length === 0 && this.#underWay.size === 0) {
          isFinished = true;
          // Nothing follows: what the client may still have to say of its own end does not matter.
          await this.#call.send(packet.encode({ type: packetType.finish }));
          this.#call.end();
        }
        if (pace.due) await pace.breathe();
      }
    } catch (error) {
      if (!isFinished) throw error;
    } finally {
      for (const file of this.#underWay.values()) file.abandon();
    }
    if (!isFinished) throw new RpcError(rpcCode.unavailable, 'the client has stopped sending its files');
    this.#directory.finish();
  }

  #packet(bytes: Uint8Array): void {
    const { type, stat, id, data } = packet.decode(bytes);
    switch (type) {
      case packetType.stat:
        if (stat) this.#list(stat);
        else this.#isListed = true;
        break;
      case packetType.data: this.#data(id, data); break;
      case packetType.error: throw new RpcError(rpcCode.unknown, `error from sender: ${Buffer.from(data).toString()}`);
      case packetType.finish: return;
      default: throw new RpcError(rpcCode.invalidArgument, `unknown packet type ${type}`);
    }
  }

  #list(stat: Stat): void {
    if (this.#isListed) throw new RpcError(rpcCode.invalidArgument, 'a file is listed after the end of the list');
    const id = this.#listed++;
    if (this.#directory.entry(stat)) this.#wanted.push({ id, stat });
  }

  async #ask({ id, stat }: { readonly id: number; readonly stat: Stat }): Promise<void> {
    this.#underWay.set(id, this.#directory.receive(stat));
    await this.#call.send(packet.encode({ type: packetType.request, id }));
  }

  /** An empty piece is the end of a file. */
  #data(id: number, data: Uint8Array): void {
    const file = this.#underWay.get(id);
    if (file === undefined) throw new RpcError(rpcCode.invalidArgument, `content of a file that was not asked for`);
    if (data.length > 0) return file.write(data);
    this.#underWay.delete(id);
    file.end();
  }
}
