/** What waits for a promise, and can be told to forget it. */
class Waiter<Value> {
  resolve: ((value: Value | undefined) => void) | undefined;
  reject: ((error: unknown) => void) | undefined;

  constructor(resolve: (value: Value | undefined) => void, reject: (error: unknown) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }

  forget(): void {
    this.resolve?.(undefined);
    this.resolve = undefined;
    this.reject = undefined;
  }
}

/**
 * The promise's value, or undefined once `signal` is aborted. A promise that may stay pending for days then keeps no more than an
 * empty object, not the request that waited for it: clients that wait with a timeout, again and again, are usual.
 */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const waiter = new Waiter<Value>(resolve, reject);
    if (signal.aborted) waiter.forget();
    else signal.addEventListener('abort', () => waiter.forget(), { once: true });
    subscribe(promise, waiter);
  });
}

/** A function of its own, so that what it hands to the promise closes over the waiter alone. */
function subscribe<Value>(promise: Promise<Value>, waiter: Waiter<Value>): void {
  promise.then((value) => waiter.resolve?.(value), (error: unknown) => waiter.reject?.(error));
}
