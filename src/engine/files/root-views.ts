/** The views of one container's root through which something is written: an upper directory may belong to one overlay only. */
export class RootViews {
  readonly #open = new Set<Promise<void>>();

  /** Counts a view until the function that it returns is called. */
  add(): () => void {
    const closed = Promise.withResolvers<void>();
    this.#open.add(closed.promise);
    return () => {
      this.#open.delete(closed.promise);
      closed.resolve();
    };
  }

  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** Settles when there is none. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }
}
