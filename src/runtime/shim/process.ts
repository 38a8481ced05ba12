/** A process behind a shim, as the engine sees it. */
import type { Socket } from 'node:net';
import type { Attachment, ExecProcess, ExitRecord } from '../shim.ts';
import { attach } from './attach.ts';
import { encodeMessage } from './connection.ts';
import type { ControlConnection, Reply } from './connection.ts';

/** The container's process or an exec's; which one is in `target`. */
export class RemoteProcess implements ExecProcess {
  readonly pid: number;
  readonly exited: Promise<ExitRecord>;
  readonly stream: Socket | null;
  readonly #connection: ControlConnection;
  readonly #socketPath: string;
  readonly #target: string;
  readonly #settle: (record: ExitRecord) => void;

  constructor(connection: ControlConnection, socketPath: string, target: string, pid: number, stream: Socket | null = null) {
    const { promise, resolve } = Promise.withResolvers<ExitRecord>();
    this.pid = pid;
    this.exited = promise;
    this.stream = stream;
    this.#settle = resolve;
    this.#connection = connection;
    this.#socketPath = socketPath;
    this.#target = target;
  }

  /** Called once by the shim's owner, with what the shim said or with what is assumed when it is gone. */
  end(record: ExitRecord): void {
    this.#settle(record);
  }

  async signal(signal: number): Promise<boolean> {
    const request = this.#connection.nextRequest();
    const delivered = this.#connection.answer(request, (done) => done?.kind === 'done' && done.error === 0);
    this.#connection.send(encodeMessage('signal', { request, target: this.#target, signal }));
    return delivered;
  }

  async resize(columns: number, rows: number): Promise<void> {
    const request = this.#connection.nextRequest();
    const done = this.#connection.answer(request, () => undefined);
    this.#connection.send(encodeMessage('resize', { request, target: this.#target, columns, rows }));
    return done;
  }

  async attach(attachment: Attachment): Promise<Socket | null> {
    return attach(this.#socketPath, this.#target, attachment);
  }
}

/** What a shim said about an exit. */
export function exitRecordOf(event: Reply<'exited'>): ExitRecord {
  return { exitCode: event.exitCode, signal: event.signal, finishedAt: event.finishedAt, oomKilled: event.oomKilled !== 0 };
}

/** A shim that was killed takes its processes with it (PR_SET_PDEATHSIG), and nobody is left to say how they ended. */
export function killedWithShim(): ExitRecord {
  return { exitCode: 137, signal: 9, finishedAt: new Date().toISOString().replace('Z', '000000Z'), oomKilled: false };
}

