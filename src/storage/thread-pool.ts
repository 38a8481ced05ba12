/** Threads for work that would hold the event loop, for as long as there is such work. */
import { idleTime } from './batches.ts';

/** More of a kind would have to share the processors with the daemon, and each takes some 10 MB. */
export const mostThreads = 2;

export interface PooledThread {
  end(): void;
}

/** A taken thread is the taker's until it is released. */
export class ThreadPool<Thread extends PooledThread> {
  readonly #make: () => Thread;
  readonly #idle: Thread[] = [];
  #count = 0;
  readonly #waiting: PromiseWithResolvers<Thread>[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(make: () => Thread) {
    this.#make = make;
  }

  /** A thread, or undefined when all are at work. */
  take(): Thread | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#count === mostThreads) return idle;
    const made = this.#make();
    this.#count++;
    return made;
  }

  /** The next thread that is free. */
  async acquire(): Promise<Thread> {
    const free = this.take();
    if (free !== undefined) return free;
    const waiting = Promise.withResolvers<Thread>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** Takes a thread back; one that is not usable is forgotten. */
  release(thread: Thread, usable: boolean): void {
    if (usable) this.#idle.push(thread);
    else this.#count--;
    const next = this.#waiting.shift();
    if (next !== undefined) return void this.acquire().then(next.resolve, next.reject);
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
