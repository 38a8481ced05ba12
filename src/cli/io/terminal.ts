/** The terminal we were started from: raw mode, its size, and changes of it. Loaded only when a session needs one. */
import * as tty from 'node:tty';

/** Rows and columns of the terminal on standard output; undefined when it is none. */
export function terminalSize(): { readonly rows: number; readonly columns: number } | undefined {
  if (!tty.isatty(1)) return undefined;
  const [columns, rows] = new tty.WriteStream(1).getWindowSize();
  return { rows, columns };
}

let restore: (() => void) | undefined;

/** Hands every key to the program inside: no echo, no line editing, no signals from keys. Undone when the process exits. */
export function enterRawMode(): void {
  if (restore !== undefined || !tty.isatty(0)) return;
  const input = new tty.ReadStream(0);
  input.setRawMode(true);
  restore = () => {
    input.setRawMode(false);
  };
  process.on('exit', leaveRawMode);
}

/** Restores the terminal; does nothing when it is not raw. */
export function leaveRawMode(): void {
  const undo = restore;
  restore = undefined;
  undo?.();
}

/** Calls `changed` when the window changes its size. */
export function onResize(changed: () => void): void {
  process.on('SIGWINCH', changed);
}
