/** What is told of a build while it goes on (`Control/Status`): its steps as vertices, their output, how far transfers are, warnings. */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../storage/digest.ts';
import { type LogRecord, type StatusRecord, statusResponse, type VertexRecord, type WarningRecord } from './proto/control.ts';
import { timestampOf } from './timestamps.ts';

/** Output of one step that is kept and told, in bytes: BuildKit's own limit. */
const maxLogBytes = 2 * 1024 * 1024;
const clipped = Buffer.from('\n[output clipped, log limit 2MiB reached]\n');

/** Milliseconds between two reports of the same transfer. */
const reportInterval = 100;

interface Records {
  readonly vertexes: VertexRecord[];
  readonly statuses: StatusRecord[];
  readonly logs: LogRecord[];
  readonly warnings: WarningRecord[];
}

type Told = { readonly [Kind in keyof Records]?: Records[Kind] };

/** How far something is within a step: `transferring context`, `exporting layers`. */
export interface StepStatus {
  /** `total` is 0 where it is not known. */
  report(current: number, total?: number): void;
  done(): void;
}

/** One step. */
export interface ProgressVertex {
  readonly digest: string;
  begin(): void;
  end(outcome?: { readonly cached?: boolean; readonly error?: string }): void;
  log(stream: 1 | 2, data: Uint8Array): void;
  /** `name`, where it is shown under another one than its id. */
  status(id: string, name?: string): StepStatus;
}

export class Progress {
  /** Everything so far: a client may ask late. */
  readonly #told: Told[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #counted = { total: 0, cached: 0, completed: 0, warnings: 0 };
  #isClosed = false;

  /** Makes a step known. Steps with the same seed are the same one. */
  vertex(name: string, inputs: readonly ProgressVertex[] = [], seed: string = randomBytes(16).toString('hex')): ProgressVertex {
    const digest = sha256(seed);
    const record: VertexRecord = { digest, inputs: inputs.map((input) => input.digest), name };
    this.#tell({ vertexes: [record] });
    this.#counted.total++;
    return this.#vertexOf(record);
  }

  warn(warning: WarningRecord): void {
    this.#counted.warnings++;
    this.#tell({ warnings: [warning] });
  }

  /** Steps so far. */
  get counts(): { readonly total: number; readonly cached: number; readonly completed: number; readonly warnings: number } {
    return this.#counted;
  }

  /** A message of all that has been told. */
  all(): Uint8Array {
    return statusResponse.encode(merged(this.#told));
  }

  /** The build has ended. */
  close(): void {
    this.#isClosed = true;
    for (const wake of this.#listeners) wake();
  }

  /** Messages of all that is told from the beginning to the end of the build. */
  async *messages(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let next = 0; ;) {
      if (signal.aborted) return;
      if (next < this.#told.length) {
        const records = this.#told.slice(next);
        next = this.#told.length;
        yield statusResponse.encode(merged(records));
      } else if (this.#isClosed) return;
      else await this.#more(signal);
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#listeners.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#listeners.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #tell(told: Told): void {
    this.#told.push(told);
    for (const wake of this.#listeners) wake();
  }

  #vertexOf(record: VertexRecord): ProgressVertex {
    const digest = record.digest!;
    let started: VertexRecord['started'];
    let logBytes = 0;
    return {
      digest,
      begin: () => {
        started = timestampOf(Date.now());
        this.#tell({ vertexes: [{ ...record, started }] });
      },
      end: ({ cached = false, error = '' } = {}) => {
        const now = timestampOf(Date.now());
        if (cached) this.#counted.cached++;
        this.#counted.completed++;
        this.#tell({ vertexes: [{ ...record, started: started ?? now, completed: now, cached, error }] });
      },
      log: (stream, data) => {
        if (logBytes >= maxLogBytes) return;
        logBytes += data.length;
        const message = logBytes < maxLogBytes ? data.slice() : Buffer.concat([data, clipped]);
        this.#tell({ logs: [{ vertex: digest, timestamp: timestampOf(Date.now()), stream, msg: message }] });
      },
      status: (id, name = '') => this.#statusOf(digest, id, name),
    };
  }

  #statusOf(vertex: string, id: string, name: string): StepStatus {
    const started = timestampOf(Date.now());
    let told = 0;
    let last = { current: 0, total: 0 };
    const tell = (completed: StatusRecord['completed']): void => {
      told = Date.now();
      this.#tell({ statuses: [{ id, vertex, name, ...last, timestamp: timestampOf(told), started, completed }] });
    };
    tell(undefined);
    return {
      report: (current, total = 0) => {
        last = { current, total };
        if (Date.now() - told >= reportInterval) tell(undefined);
      },
      done: () => tell(timestampOf(Date.now())),
    };
  }
}

const merged = (records: readonly Told[]): Records => ({
  vertexes: records.flatMap(({ vertexes = [] }) => vertexes),
  statuses: records.flatMap(({ statuses = [] }) => statuses),
  logs: records.flatMap(({ logs = [] }) => logs),
  warnings: records.flatMap(({ warnings = [] }) => warnings),
});
