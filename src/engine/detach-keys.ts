/** The detach key sequence of an interactive terminal (`ctrl-p,ctrl-q`), recognised in the client's input. */
import { Transform } from 'node:stream';
import { invalidParameter } from '../errors.ts';

const defaultKeys = 'ctrl-p,ctrl-q';

/** The bytes of a sequence such as `ctrl-a,x`. Docker calls them escape keys for an exec. Throws on one Docker would not accept. */
export function parseDetachKeys(keys: string, what: 'detach' | 'escape' = 'detach'): Uint8Array {
  return Uint8Array.from((keys === '' ? defaultKeys : keys).split(','), (key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/.exec(key)?.[1];
    const index = control === undefined ? -1 : '@abcdefghijklmnopqrstuvwxyz[\\]^_'.indexOf(control.toLowerCase());
    if (index < 0) throw invalidParameter(`Invalid ${what} keys (${keys}) provided`);
    return index;
  });
}

/**
 * Passes input through until the sequence has been typed, then calls `detached` and drops the rest. A started sequence is held
 * back until it is complete or broken, so that the program never sees half of it.
 */
export function detachFilter(keys: Uint8Array, detached: () => void): Transform {
  let matched = 0;
  let done = false;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, next) {
      const out: number[] = [];
      for (const byte of chunk) {
        if (done) break;
        if (byte === keys[matched]) {
          matched++;
          done = matched === keys.length;
          continue;
        }
        out.push(...keys.subarray(0, matched));
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) out.push(byte);
      }
      if (out.length > 0) this.push(Uint8Array.from(out));
      next();
      if (done) detached();
    },
    flush(next) {
      if (!done && matched > 0) this.push(keys.slice(0, matched));
      next();
    },
  });
}
