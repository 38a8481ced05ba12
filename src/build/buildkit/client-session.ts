/** The client that builds, as one who can be asked: for its files, its credentials, its secrets. */
import { notFound } from '../../errors.ts';
import { credentialsRequest, credentialsResponse, getSecretRequest, getSecretResponse, sessionMethod } from './proto/session.ts';
import { RpcError, rpcCode, type RpcPeer, unaryCall } from './rpc.ts';

export interface SessionHeaders {
  readonly id: string;
  /** The same for each build of one directory. */
  readonly sharedKey: string;
  /** Paths of the methods that it serves. */
  readonly methods: ReadonlySet<string>;
}

export class ClientSession {
  readonly id: string;
  readonly sharedKey: string;
  readonly peer: RpcPeer;
  readonly #methods: ReadonlySet<string>;

  constructor({ id, sharedKey, methods }: SessionHeaders, peer: RpcPeer) {
    this.id = id;
    this.sharedKey = sharedKey;
    this.peer = peer;
    this.#methods = methods;
  }

  supports(method: string): boolean {
    return this.#methods.has(method);
  }

  /** For a registry, by its host; undefined when the client has none. */
  async credentials(host: string): Promise<{ readonly username: string; readonly secret: string } | undefined> {
    if (!this.supports(sessionMethod.credentials)) return undefined;
    return credentialsResponse.decode(await unaryCall(this.peer, sessionMethod.credentials, credentialsRequest.encode({ host })));
  }

  /** Undefined for one that the client does not have. */
  async secret(id: string): Promise<Uint8Array | undefined> {
    if (!this.supports(sessionMethod.getSecret)) return undefined;
    try {
      const answer = await unaryCall(this.peer, sessionMethod.getSecret, getSecretRequest.encode({ id }));
      return getSecretResponse.decode(answer).data;
    } catch (error) {
      if (error instanceof RpcError && (error.code === rpcCode.notFound || error.code === rpcCode.unimplemented)) return undefined;
      throw error;
    }
  }
}

/** Of a client that cannot be asked for anything. */
export function noSession(): ClientSession {
  const peer: RpcPeer = {
    closed: new AbortController().signal,
    call: (path) => {
      throw new RpcError(rpcCode.unimplemented, `${path}: there is no session`);
    },
    close: () => undefined,
  };
  return new ClientSession({ id: '', sharedKey: '', methods: new Set() }, peer);
}

/** How long a build waits for the session that it names: both come at once, on connections of their own. Milliseconds. */
const patience = 5000;

/** Sessions that are open, by their ids. */
export class ClientSessions {
  readonly #open = new Map<string, ClientSession>();
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>();

  /** Lasts until the client ends the connection. */
  async serve(headers: SessionHeaders, peer: RpcPeer): Promise<void> {
    const session = new ClientSession(headers, peer);
    this.#open.set(session.id, session);
    for (const resolve of this.#waiting.get(session.id) ?? []) resolve(session);
    try {
      await aborted(peer.closed);
    } finally {
      if (this.#open.get(session.id) === session) this.#open.delete(session.id);
    }
  }

  /** Rejects when it does not come. */
  async get(id: string, signal: AbortSignal): Promise<ClientSession> {
    const open = this.#open.get(id);
    if (open) return open;
    const { promise, resolve, reject } = Promise.withResolvers<ClientSession>();
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(resolve));
    const giveUp = (): void => reject(notFound(`no active session for ${id}: context deadline exceeded`));
    const timer = setTimeout(giveUp, patience);
    signal.addEventListener('abort', giveUp);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(id);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
