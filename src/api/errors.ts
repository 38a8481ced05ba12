/** The one map from error class to HTTP status, and from an error to what the client is told. */
import { CaissonError } from '../errors.ts';
import type { ErrorClass } from '../errors.ts';
import { HttpError } from './http/http-error.ts';

const statusOf: Readonly<Record<ErrorClass, number>> = {
  'invalid-parameter': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  'not-implemented': 501,
  unavailable: 503,
  system: 500,
  'resource-exhausted': 429,
};

export interface ErrorAnswer {
  readonly status: number;
  /** What goes into `{"message": …}`. */
  readonly message: string;
  /** False for an error that no layer has put into words: it belongs in the log. */
  readonly expected: boolean;
}

/** How `error` is answered. */
export function answerFor(error: unknown): ErrorAnswer {
  if (error instanceof CaissonError) return { status: statusOf[error.class], message: error.message, expected: true };
  if (error instanceof HttpError) return { status: error.status, message: error.message, expected: true };
  return { status: 500, message: error instanceof Error ? error.message : String(error), expected: false };
}
