/** What goes wrong in a build, as clients of BuildKit read it: a sentence, and where it stands in the Dockerfile. */
import { posix } from 'node:path';
import { CaissonError, type ErrorClass } from '../../errors.ts';
import { BuildCancelled, RunError } from '../solver/run-error.ts';
import { SourceNotFound } from '../solver/find-sources.ts';
import { type ErrorDetail, RpcError, rpcCode } from './rpc.ts';

/** Lines of a file, counted from 1; both belong to it. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

const codeOf: Readonly<Record<ErrorClass, number>> = {
  'invalid-parameter': rpcCode.unknown, unauthorized: rpcCode.unauthenticated, forbidden: rpcCode.permissionDenied, 'not-found': rpcCode.unknown,
  conflict: rpcCode.alreadyExists, 'not-modified': rpcCode.unknown, 'not-implemented': rpcCode.unimplemented, unavailable: rpcCode.unavailable,
  system: rpcCode.unknown, 'resource-exhausted': rpcCode.resourceExhausted,
};

/** BuildKit's sentence for what a step of a Dockerfile has met. */
export function stepFailure(error: unknown): string {
  if (error instanceof RunError) return `process ${JSON.stringify(error.argv.join(' '))} did not complete successfully: exit code: ${error.exitCode}`;
  if (error instanceof SourceNotFound) return `failed to calculate checksum of ref ${refOf(error)}: ${JSON.stringify(posix.join('/', error.path))}: not found`;
  // The classic builder's words for what cannot be taken apart begin with more.
  return error instanceof Error ? error.message.replace(/^(?:failed to parse Dockerfile|ADD failed): /, '') : String(error);
}

/** BuildKit names the tree that it has looked into. */
const refOf = ({ tree }: SourceNotFound): string => tree.slice('sha256:'.length, 'sha256:'.length + 25);

/** The same as the sentence for the whole build, after what was attempted. */
export function buildFailure(error: unknown, details: readonly ErrorDetail[], attempted = ''): RpcError {
  if (error instanceof RpcError) return new RpcError(error.code, error.message, [...error.details, ...details]);
  if (error instanceof BuildCancelled) return new RpcError(rpcCode.cancelled, 'context canceled', details);
  const sentence = stepFailure(error);
  const prefix = error instanceof SourceNotFound ? 'failed to compute cache key: ' : attempted;
  return new RpcError(error instanceof CaissonError ? codeOf[error.class] : rpcCode.unknown, prefix + sentence, details);
}

const detail = (kind: string, value: object): ErrorDetail => ({ typeUrl: `github.com/moby/buildkit/errdefs.${kind}+json`, value: Buffer.from(JSON.stringify(value)) });

/** The step that has failed, by its digest in the progress. */
export const vertexDetail = (digest: string): ErrorDetail => detail('Vertex', { digest });

/** Where in a file it is that something is wrong. */
export const sourceDetail = ({ name, text }: SourceFile, ranges: readonly SourceRange[]): ErrorDetail => detail('Source', {
  info: { filename: name, data: Buffer.from(text).toString('base64'), language: 'Dockerfile' },
  ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })),
});
