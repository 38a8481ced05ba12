/** A command of a build that has failed: Docker's clients read its exit code. */
import { CaissonError } from '../../errors.ts';

export class RunError extends CaissonError {
  readonly argv: readonly string[];
  readonly exitCode: number;

  constructor(argv: readonly string[], exitCode: number) {
    super('system', `The command '${argv.join(' ')}' returned a non-zero code: ${exitCode}`, { operation: 'run', object: argv.join(' ') });
    this.argv = argv;
    this.exitCode = exitCode;
  }
}

/** The client has gone, or another step has failed. */
export class BuildCancelled extends CaissonError {
  constructor() {
    super('system', 'context canceled', { operation: 'build' });
  }
}
