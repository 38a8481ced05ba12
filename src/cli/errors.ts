/** The errors of the command line: each one ends the process with a message and an exit code. */

/** Ends the command: `message` goes to stderr (an empty one prints nothing), the process exits with `code`. */
export class ExitError extends Error {
  readonly code: number;

  constructor(code: number, message = '') {
    super(message);
    this.name = 'ExitError';
    this.code = code;
  }
}

/** A command line that cannot be parsed; followed by the command's usage. Docker exits 125 for an unusable flag. */
export class FlagError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FlagError';
  }
}

/** An error the engine answered with: its HTTP status and its message, or 0 when no answer came. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineError';
    this.status = status;
  }

  /** The line Docker's clients print. */
  get display(): string {
    return this.status === 0 ? this.message : `Error response from daemon: ${this.message}`;
  }
}
