/**
 * The closed set of error classes. An error is thrown once, with what was attempted, on what, and why; `api/` maps its
 * class to an HTTP status in one place. The classes follow containerd's errdefs, which Docker's own errors follow too.
 */
export type ErrorClass =
  | 'invalid-parameter'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'not-modified'
  | 'not-implemented'
  | 'unavailable'
  | 'system'
  | 'resource-exhausted';

/** What is known about an error beside its sentence. */
export interface ErrorFacts {
  /** What was attempted, as a verb phrase: `create container`. */
  readonly operation?: string;
  /** What it was attempted on: an id, a path, a reference. */
  readonly object?: string;
  readonly cause?: unknown;
}

/** An error meant for a person: the message is a whole answer, in Docker's words where Docker has words for it. */
export class CaissonError extends Error {
  readonly class: ErrorClass;
  readonly operation: string | undefined;
  readonly object: string | undefined;

  constructor(errorClass: ErrorClass, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'CaissonError';
    this.class = errorClass;
    this.operation = facts.operation;
    this.object = facts.object;
  }
}

export const invalidParameter = (message: string, facts?: ErrorFacts) => new CaissonError('invalid-parameter', message, facts);
export const unauthorized = (message: string, facts?: ErrorFacts) => new CaissonError('unauthorized', message, facts);
export const forbidden = (message: string, facts?: ErrorFacts) => new CaissonError('forbidden', message, facts);
export const notFound = (message: string, facts?: ErrorFacts) => new CaissonError('not-found', message, facts);
export const conflict = (message: string, facts?: ErrorFacts) => new CaissonError('conflict', message, facts);
export const notModified = (message: string, facts?: ErrorFacts) => new CaissonError('not-modified', message, facts);
export const notImplemented = (message: string, facts?: ErrorFacts) => new CaissonError('not-implemented', message, facts);
export const unavailable = (message: string, facts?: ErrorFacts) => new CaissonError('unavailable', message, facts);
export const systemError = (message: string, facts?: ErrorFacts) => new CaissonError('system', message, facts);

/** True when `error` is a CaissonError of the given class. */
export function isClass(error: unknown, errorClass: ErrorClass): error is CaissonError {
  return error instanceof CaissonError && error.class === errorClass;
}

/** Runs `action`; an error of it is told after `prefix` and a colon, as Go wraps errors. */
export function prefixed<Result>(prefix: string, action: () => Result): Result {
  const wrap = (error: unknown): never => {
    if (!(error instanceof CaissonError)) throw error;
    throw new CaissonError(error.class, `${prefix}: ${error.message}`, { ...facts(error), cause: error });
  };
  try {
    const result = action();
    return result instanceof Promise ? (result.catch(wrap) as Result) : result;
  } catch (error) {
    return wrap(error);
  }
}

const facts = ({ operation, object }: CaissonError): ErrorFacts => ({
  ...(operation === undefined ? {} : { operation }), ...(object === undefined ? {} : { object }),
});
