/** Threads for work that would hold the event loop, for as long as there is such work. */

/** More of a kind would have to share the processors with the daemon, and each takes some 10 MB. */
export const mostThreads = 2;
/** Milliseconds that a thread waits for more work. */
const idleTime = 10_000;

export interface PooledThread {
  end(): void;
}

/** A taken thread is the taker's until it is released. */
export class ThreadPool<Thread extends PooledThread> {
  readonly #make: () => Thread;
  readonly #idle: Thread[] = [];
  #count = 0;
  readonly #waiting: ((thread: Thread) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(make: () => Thread) {
    this.#make = make;
  }

  /** A thread, or undefined when all are at work. */
  take(): Thread | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#count === mostThreads) return idle;
    this.#count++;
    return this.#make();
  }

  /** The next thread that is free. */
  async acquire(): Promise<Thread> {
    return this.take() ?? new Promise<Thread>((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a thread back; one that is not usable is forgotten. */
  release(thread: Thread, usable: boolean): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next(usable ? thread : this.#make());
    if (usable) this.#idle.push(thread);
    else this.#count--;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#endIdle(), idleTime);
    this.#timer.unref();
  }

  #endIdle(): void {
    for (const thread of this.#idle.splice(0)) {
      this.#count--;
      thread.end();
    }
  }
}
