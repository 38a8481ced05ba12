/** What is wrong with a Dockerfile, in the two forms in which Docker tells it. */
import { type CaissonError, invalidParameter } from '../../errors.ts';

/** The text cannot be taken apart into instructions. `line` counts from 1. */
export const parseFailure = (message: string, line: number): CaissonError =>
  invalidParameter(`failed to parse Dockerfile: ${message}`, { operation: 'parse Dockerfile', object: `line ${line}` });

/** An instruction is not one. */
export const instructionFailure = (message: string, line: number): CaissonError =>
  invalidParameter(`dockerfile parse error on line ${line}: ${message}`, { operation: 'parse Dockerfile', object: `line ${line}` });
