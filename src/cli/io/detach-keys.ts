/** The key sequence that leaves a container running: `ctrl-p,ctrl-q` unless told otherwise. */

/** Bytes of a sequence such as `ctrl-p,ctrl-q` or `ctrl-a,a`. Throws with Docker's text. */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const match = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (match === null) throw new Error(`Unknown character: '${key}'`);
    return (match[1] as string).toUpperCase().charCodeAt(0) & 0x1f;
  });
  return Uint8Array.from(bytes);
}

/**
 * Watches keystrokes for the sequence. Bytes that may begin it are held back until the next ones decide, so that the program
 * never sees a sequence that was meant for us.
 */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** Returns what to pass on, and whether the sequence is complete. */
  scan(chunk: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { pass: chunk, detached: false };
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0]) this.#matched = 1;
      else pass.push(byte);
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
