/**
 * Builds that go on, by the refs that clients give them. buildx drives a build itself: its `Solve` has no frontend and lasts until it has
 * returned, over the gateway, what it has made of its own requests.
 */
import type { Builder, Frontend, Planned } from './builder.ts';
import type { BuildJob } from './build-job.ts';
import { History } from './history.ts';
import type { SolveRequest } from './proto/control.ts';
import type { GatewayRequest } from './proto/gateway.ts';
import { RpcError, rpcCode } from './rpc.ts';

interface Running {
  readonly job: BuildJob;
  /** Settles when the client has said which of them it wants; undefined: none. */
  readonly returned: PromiseWithResolvers<Frontend | undefined>;
}

/** How long a client's other calls wait for the build that they belong to: all come at once. Milliseconds. */
const patience = 5000;

export class Builds {
  readonly history = new History();
  readonly #builder: Builder;
  readonly #running = new Map<string, Running>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(builder: Builder) {
    this.#builder = builder;
  }

  /** The whole of a build: to be answered when it has ended. Rejects with RpcError. */
  async solve(request: SolveRequest, signal: AbortSignal): Promise<Record<string, string>> {
    if (this.#running.has(request.ref)) throw new RpcError(rpcCode.unknown, `job ID ${request.ref} exists`);
    const job = await this.#builder.begin(request.ref, request.session, signal);
    const running: Running = { job, returned: Promise.withResolvers() };
    running.returned.promise.catch(() => undefined);
    this.#running.set(request.ref, running);
    job.signal.addEventListener('abort', () => running.returned.reject(new RpcError(rpcCode.cancelled, 'context canceled')));
    for (const wake of this.#waiting.get(request.ref) ?? []) wake();
    const record = request.internal ? undefined : this.history.begin(request, job);
    try {
      const frontend = await this.#frontend(running, request);
      const answers = frontend === undefined ? {} : await this.#builder.export(job, frontend, exportersOf(request));
      record?.end({ answers });
      return answers;
    } catch (error) {
      record?.end({ error: error as RpcError });
      throw error;
    } finally {
      this.#running.delete(request.ref);
      await job.end();
    }
  }

  async #frontend(running: Running, { frontend, frontendAttrs, frontendInputs, definition }: SolveRequest): Promise<Planned | undefined> {
    if (frontend === '' && (definition === undefined || definition.def.length === 0)) return running.returned.promise;
    return this.#plan(running, frontend, frontendAttrs, frontendInputs);
  }

  #plan({ job }: Running, frontend: string, attributes: ReadonlyMap<string, string>, inputs: SolveRequest['frontendInputs']): Promise<Planned> {
    if (frontend !== 'dockerfile.v0') {
      throw new RpcError(rpcCode.unimplemented, frontend === '' ? 'builds without a Dockerfile are not supported' : `frontend ${frontend} is not supported: Caisson builds Dockerfiles`);
    }
    return this.#builder.plan(job, attributes, inputs);
  }

  /** For the gateway: plans what the client asks for, and gives what can be solved an id. */
  async request(ref: string, { frontend, frontendOpt, frontendInputs, evaluate }: GatewayRequest): Promise<{ readonly id: string | undefined; readonly metadata: Planned['metadata'] }> {
    const running = await this.get(ref);
    const planned = await this.#plan(running, frontend, frontendOpt, frontendInputs);
    if (planned.kind === 'answer') return { id: undefined, metadata: planned.metadata };
    if (evaluate) await planned.solve();
    return { id: this.#builder.keep(running.job, planned), metadata: planned.metadata };
  }

  /** For the gateway: what the client's own requests have come to. */
  async return(ref: string, outcome: { readonly result: string | undefined } | { readonly error: RpcError }): Promise<void> {
    const { returned } = await this.get(ref);
    if ('error' in outcome) returned.reject(outcome.error);
    else returned.resolve(outcome.result === undefined ? undefined : this.#builder.result(outcome.result));
  }

  /** Messages of a build's progress, of one that has ended, too. */
  async *status(ref: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const past = this.history.progressOf(ref);
    if (past !== undefined) yield past;
    else yield* (await this.get(ref)).job.progress.messages(signal);
  }

  /** Rejects when it does not begin. */
  async get(ref: string): Promise<Running> {
    const running = this.#running.get(ref);
    if (running) return running;
    await this.#begun(ref);
    const begun = this.#running.get(ref);
    if (begun === undefined) throw new RpcError(rpcCode.unknown, `no such job ${ref}`);
    return begun;
  }

  async #begun(ref: string): Promise<void> {
    const waiting = this.#waiting.get(ref) ?? new Set();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(ref, waiting.add(resolve));
    const timer = setTimeout(resolve, patience);
    await promise;
    clearTimeout(timer);
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(ref);
  }
}

function exportersOf({ exporters, exporterDeprecated, exporterAttrsDeprecated }: SolveRequest): SolveRequest['exporters'] {
  if (exporters.length > 0) return exporters;
  return exporterDeprecated === '' ? [] : [{ type: exporterDeprecated, attrs: exporterAttrsDeprecated }];
}
