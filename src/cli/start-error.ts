/** Exit codes for containers that could not be started, as Docker's client tells them from the message. */
import { describeError } from './context.ts';
import { EngineError, ExitError } from './errors.ts';

/** 127: no such program; 126: it cannot be run; 125: the engine's own failure. */
export function startErrorCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message)) return 127;
  return /permission denied|is a directory|exec format error/.test(message) ? 126 : 125;
}

/** The error `run` and friends end with: what happened, and what to do about it. What we refused ourselves, help explains. */
export function startFailure(error: unknown, path: string): ExitError {
  if (error instanceof ExitError) return error;
  const message = describeError(error);
  const hint = error instanceof EngineError ? nextStep(message) : `\n\nRun 'caisson ${path} --help' for more information`;
  return new ExitError(startErrorCode(message), `caisson: ${message}${hint}`);
}

function nextStep(message: string): string {
  if (/already in use by container/.test(message)) return "\n\nRemove it with 'caisson rm NAME', or choose another --name";
  if (/executable file not found/.test(message)) return '\n\nThe command is looked up in the PATH of the container, not of the host';
  if (/no such image|pull access denied|dial tcp/i.test(message)) {
    return "\n\n'caisson images' shows the images there are; 'caisson load' and 'caisson import' bring others";
  }
  return '';
}
