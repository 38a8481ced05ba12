import type { StdioOptions } from '../shim.ts';
import { stdioFlag } from './protocol.ts';

/** Stdio options as they travel. */
export function stdioBits(stdio: StdioOptions): number {
  return (stdio.tty ? stdioFlag.tty : 0) | (stdio.openStdin ? stdioFlag.openStdin : 0) | (stdio.stdinOnce ? stdioFlag.stdinOnce : 0);
}
