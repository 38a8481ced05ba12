/** Docker's progress records of work that goes on in several places at once, as one stream. */
import { progressBar } from './progress-bar.ts';
import type { ProgressRecord } from './service.ts';

/** Between two records of bytes of one layer, in milliseconds. */
const interval = 100;

export class ProgressStream {
  readonly #records: ProgressRecord[] = [];
  /** The last record of bytes of each id, as long as nobody has taken it: a slow client gets the newest, not all. */
  readonly #waiting = new Map<string, Record<string, unknown>>();
  readonly #told = new Map<string, number>();
  #wake: (() => void) | undefined;

  /** A line of its own; with an id, `id: status`. */
  message(status: string, id?: string): void {
    this.#push(id === undefined ? { status } : { status, id });
  }

  /** What a layer has come to. */
  update(id: string, status: string): void {
    this.#waiting.delete(id);
    this.#told.delete(id);
    this.#push({ status, progressDetail: {}, id });
  }

  /** Bytes; a total of 0 is one that is not known, an empty id none. Not every call makes a record. */
  bytes(id: string, status: string, current: number, total: number): void {
    const now = performance.now();
    const last = current === total;
    if (!last && now - (this.#told.get(id) ?? -interval) < interval) return;
    this.#told.set(id, now);
    const content = {
      status,
      progressDetail: { current, ...(total > 0 ? { total } : {}) },
      progress: progressBar(current, total),
      ...(id === '' ? {} : { id }),
    };
    const waiting = this.#waiting.get(id);
    if (waiting?.['status'] === status) {
      Object.assign(waiting, content);
      return;
    }
    this.#waiting.set(id, content);
    this.#push(content);
  }

  aux(value: object): void {
    this.#push({ progressDetail: {}, aux: value });
  }

  /** The records of `work`, as it tells them here; then its end, or its error. */
  async *during(work: Promise<unknown>): AsyncGenerator<ProgressRecord> {
    let ended = false;
    const end = (): void => {
      ended = true;
      this.#wake?.();
    };
    work.then(end, end);
    for (;;) {
      const record = this.#records.shift();
      if (record !== undefined) {
        const { id } = record as { id?: string };
        if (id !== undefined && this.#waiting.get(id) === record) this.#waiting.delete(id);
        yield record;
      } else if (ended) break;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    await work;
  }

  #push(record: ProgressRecord): void {
    this.#records.push(record);
    this.#wake?.();
  }
}
