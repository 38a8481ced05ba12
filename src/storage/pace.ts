/** Keeps long synchronous work from holding the event loop. */

/** Longest stretch of work without a yield, in milliseconds: what another request waits for at worst. */
const slice = 2;

/**
 * `await pace.breathe()` in a loop yields to the event loop once every two milliseconds; `if (pace.due)` before it
 * spares the await in hot loops.
 */
export class Pace {
  #since = performance.now();

  get due(): boolean {
    return performance.now() - this.#since > slice;
  }

  async breathe(): Promise<void> {
    if (!this.due) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
