/** A shim that this daemon has started, or has found again. */
import type { Socket } from 'node:net';
import { systemError } from '../../errors.ts';
import { encodePlan, encodeSection } from '../plan/encode.ts';
import type { Operation } from '../plan/operations.ts';
import { LaunchError } from '../shim.ts';
import type { Attachment, AttachOptions, ExecProcess, ExecRequest, ExitRecord, ReleaseOutcome, Shim } from '../shim.ts';
import { attachClient, attachStream } from './attach.ts';
import { encodeMessage } from './connection.ts';
import type { ControlConnection, Reply, ShimEvent } from './connection.ts';
import { readExitRecord } from './exit-record.ts';
import { launchErrorOf } from './failure.ts';
import { exitRecordOf, killedWithShim, RemoteProcess } from './process.ts';
import { stdioBits } from './stdio-bits.ts';

/** Where a shim is and what it left: known to the launch, or told by the shim. */
export interface ShimFacts {
  readonly socketPath: string;
  readonly exitRecordPath: string;
  readonly shimPid: number;
  readonly pid: number;
  /** Empty for a shim that was found again. */
  readonly startedAt: string;
}

/** The engine's view of one shim over one control connection. */
export class RemoteShim implements Shim {
  readonly shimPid: number;
  readonly startedAt: string;
  readonly released: Promise<ReleaseOutcome>;
  readonly execs: Map<string, ExecProcess> = new Map();
  readonly #facts: ShimFacts;
  readonly #connection: ControlConnection;
  readonly #process: RemoteProcess;
  readonly #running = new Map<string, RemoteProcess>();
  readonly #adopted = new Set<string>();
  readonly #release: (how: ReleaseOutcome) => void;
  #oomListener: (() => void) | undefined;
  /** It may come right behind the answer that the container was started. */
  #oomMissed = false;

  constructor(connection: ControlConnection, facts: ShimFacts) {
    const { promise, resolve } = Promise.withResolvers<ReleaseOutcome>();
    this.shimPid = facts.shimPid;
    this.startedAt = facts.startedAt;
    this.released = promise;
    this.#release = resolve;
    this.#facts = facts;
    this.#connection = connection;
    this.#process = new RemoteProcess(connection, facts.socketPath, '', facts.pid);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get exited(): Promise<ExitRecord> {
    return this.#process.exited;
  }

  signal(signal: number): Promise<boolean> {
    return this.#process.signal(signal);
  }

  resize(columns: number, rows: number): Promise<void> {
    return this.#process.resize(columns, rows);
  }

  attach(attachment: Attachment): Promise<Socket | null> {
    return this.#process.attach(attachment);
  }

  async exec(request: ExecRequest): Promise<ExecProcess> {
    const stream = request.attach === null ? null : this.#attachExec(request.execId, request.attach, request.client);
    const number = this.#connection.nextRequest();
    const process = this.#connection.answer(number, (answer) => this.#register(answer, request, stream));
    this.#connection.send(encodeMessage('exec', {
      request: number,
      id: request.execId,
      stdio: stdioBits(request.stdio),
      expected: request.attach === null ? 0 : 1,
      plan: encodePlan(request.plan),
    }));
    return process;
  }

  async operate(operations: readonly Operation[], release?: readonly Operation[]): Promise<void> {
    const request = this.#connection.nextRequest();
    const done = this.#connection.answer(request, (answer) => {
      if (answer?.kind === 'failed') throw launchErrorOf(answer, { prepare: operations });
      if (answer === undefined) throw systemError('the container ended meanwhile', { operation: 'operate' });
    });
    this.#connection.send(encodeMessage('operate', { request, section: encodeSection(operations), release: release === undefined ? new Uint8Array() : encodeSection(release) }));
    return done;
  }

  /** An exec that a `hello` names. It stays in `execs` when it has ended: nobody has asked for its exit code yet. */
  adoptExec(id: string, pid: number): void {
    this.#adopted.add(id);
    this.#add(id, new RemoteProcess(this.#connection, this.#facts.socketPath, id, pid));
  }

  onOutOfMemory(listener: () => void): void {
    const missed = this.#oomMissed;
    this.#oomListener = listener;
    this.#oomMissed = false;
    if (missed) listener();
  }

  #outOfMemory(): void {
    if (this.#oomListener === undefined) this.#oomMissed = true;
    else this.#oomListener();
  }

  /** What the shim says on its own. */
  onEvent(event: ShimEvent): void {
    if (event.kind === 'released') this.#release(event.refused === 0 ? 'released' : 'refused');
    if (event.kind === 'oom') this.#outOfMemory();
    if (event.kind !== 'exited') return;
    const record = exitRecordOf(event);
    if (event.target === '') return this.#process.end(record);
    this.#running.get(event.target)?.end(record);
    this.#running.delete(event.target);
    if (!this.#adopted.has(event.target)) this.execs.delete(event.target);
  }

  /** The connection has ended: after `released` that is how it should be; else the shim was killed, and all of it with it. */
  onClose(): void {
    this.#process.end(readExitRecord(this.#facts.exitRecordPath) ?? killedWithShim());
    for (const process of this.#running.values()) process.end(killedWithShim());
    this.#running.clear();
    this.execs.clear();
    this.#release('abandoned');
  }

  #attachExec(id: string, options: AttachOptions, client: number | undefined): Socket | null {
    try {
      if (client === undefined) return attachStream(this.#facts.socketPath, id, options);
      attachClient(this.#facts.socketPath, id, options, client);
      return null;
    } catch (cause) {
      throw new LaunchError({ section: 'prepare', index: -1, errno: 3, object: id }, undefined, 'the container is not running');
    }
  }

  #register(answer: Reply<'started' | 'failed' | 'done'> | undefined, request: ExecRequest, stream: Socket | null): ExecProcess {
    if (answer?.kind === 'started') {
      const process = new RemoteProcess(this.#connection, this.#facts.socketPath, request.execId, answer.pid, stream);
      this.#add(request.execId, process);
      return process;
    }
    stream?.destroy();
    if (answer?.kind === 'failed') throw launchErrorOf(answer, request.plan);
    throw systemError('the container ended before the process was started', { operation: 'exec', object: request.execId });
  }

  #add(id: string, process: RemoteProcess): void {
    this.#running.set(id, process);
    this.execs.set(id, process);
  }
}
