/** What the daemon does when nobody asks anything of it: it gives back the memory that the last burst of work took. */
import { collectGarbage, dropCode } from '../linux/ffi/memory.ts';

/** Milliseconds without a request after which the engine counts as idle. */
const quietMs = 1000;

/** Call `busy` with each request; a second after the last one the memory is given back. There is no timer while idle. */
export function createIdleTrim(): { busy(): void } {
  let last = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const check = () => {
    timer = undefined;
    const left = last + quietMs - performance.now();
    if (left > 0) arm(left);
    else {
      collectGarbage();
      dropCode();
    }
  };
  const arm = (delay: number) => {
    timer = setTimeout(check, delay);
    timer.unref();
  };
  return {
    busy() {
      last = performance.now();
      if (timer === undefined) arm(quietMs);
    },
  };
}
