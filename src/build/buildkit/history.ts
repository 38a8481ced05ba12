/** The builds of this daemon's life, for `docker buildx history` and for whoever asks how one has ended. */
import type { BuildJob } from './build-job.ts';
import { buildHistoryEvent, historyEventType, type HistoryRecord, type SolveRequest } from './proto/control.ts';
import { timestampOf } from './timestamps.ts';
import type { RpcError } from './rpc.ts';

/** Builds that are remembered; pinned ones are not forgotten for others. */
const maxRecords = 50;

/** Bytes of what builds have told that are kept. */
const maxProgressBytes = 4 * 1024 * 1024;

interface Entry {
  record: HistoryRecord;
  /** All that was told of it; undefined before its end, and when there was no room for it. */
  progress: Uint8Array | undefined;
  isComplete: boolean;
  pinned: boolean;
}

type Outcome = { readonly answers: Readonly<Record<string, string>> } | { readonly error: RpcError };

export interface HistoryFilter {
  readonly ref: string;
  readonly activeOnly: boolean;
  /** Ends with what is known now. */
  readonly earlyExit: boolean;
  /** 0 for all. */
  readonly limit: number;
}

export class History {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(type: number, ref: string, record: HistoryRecord) => void>();

  begin({ ref, frontend, frontendAttrs, exporters }: SolveRequest, { progress, startedAt }: BuildJob): { end(outcome: Outcome): void } {
    const begun: HistoryRecord = { ref, frontend: frontend || 'dockerfile.v0', frontendAttrs, exporters, createdAt: timestampOf(startedAt), generation: 1 };
    const entry: Entry = { record: begun, progress: undefined, isComplete: false, pinned: false };
    this.#entries.set(ref, entry);
    this.#forget();
    this.#tell(historyEventType.started, entry);
    return {
      end: (outcome) => {
        const { total, cached, completed, warnings } = progress.counts;
        entry.isComplete = true;
        entry.record = {
          ...begun, completedAt: timestampOf(Date.now()), numTotalSteps: total, numCachedSteps: cached, numCompletedSteps: completed, numWarnings: warnings,
          ...('answers' in outcome ? { exporterResponse: new Map(Object.entries(outcome.answers)) } : { error: outcome.error }),
        };
        entry.progress = progress.all();
        this.#makeRoom();
        this.#tell(historyEventType.complete, entry);
      },
    };
  }

  /** What was told of a build that has ended; undefined when nobody remembers. */
  progressOf(ref: string): Uint8Array | undefined {
    return this.#entries.get(ref)?.progress;
  }

  /** Encoded events: those of what is known, and of what happens until the client leaves. */
  async *events({ ref, activeOnly, earlyExit, limit }: HistoryFilter, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const queue: Uint8Array[] = [];
    let wake: () => void = () => undefined;
    const listener = (type: number, of: string, record: HistoryRecord): void => {
      if (ref !== '' && of !== ref) return;
      queue.push(buildHistoryEvent.encode({ type, record }));
      wake();
    };
    const known = [...this.#entries.values()].filter(({ record, isComplete }) => (ref === '' || record.ref === ref) && !(activeOnly && isComplete));
    for (const entry of limit > 0 ? known.slice(-limit) : known) {
      listener(entry.isComplete ? historyEventType.complete : historyEventType.started, entry.record.ref ?? '', shownRecord(entry));
    }
    if (earlyExit) return yield* queue;
    this.#listeners.add(listener);
    try {
      while (!signal.aborted) {
        yield* queue.splice(0);
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (queue.length > 0 || signal.aborted) resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** False for a build that is not known. */
  update(ref: string, change: { readonly pinned: boolean; readonly delete: boolean }): boolean {
    const entry = this.#entries.get(ref);
    if (entry === undefined) return false;
    entry.pinned = change.pinned;
    if (change.delete) {
      this.#entries.delete(ref);
      this.#tell(historyEventType.deleted, entry);
    }
    return true;
  }

  /** The oldest are forgotten first. */
  #makeRoom(): void {
    let bytes = 0;
    for (const entry of [...this.#entries.values()].toReversed()) {
      bytes += entry.progress?.length ?? 0;
      if (bytes > maxProgressBytes) entry.progress = undefined;
    }
  }

  #forget(): void {
    for (const [ref, { isComplete, pinned }] of this.#entries) {
      if (this.#entries.size <= maxRecords) return;
      if (isComplete && !pinned) this.#entries.delete(ref);
    }
  }

  #tell(type: number, entry: Entry): void {
    for (const listener of this.#listeners) listener(type, entry.record.ref ?? '', shownRecord(entry));
  }
}

const shownRecord = ({ record, pinned }: Entry): HistoryRecord => ({ ...record, pinned });
