/**
 * The thread that unpacks layers: `unpack-threads.ts` starts it and sends what is to be done. Executed, not imported.
 */
import { parentPort } from 'node:worker_threads';
import { CaissonError, type ErrorClass } from '../errors.ts';
import type { Batch } from './batches.ts';
import { type LayerTarget, LayerUnpacking, unpackError } from './layer-unpacking.ts';

/** What the thread is told. After `begin` come `data`, as much as there is, and `end` or `abandon`. */
export type UnpackRequest =
  | { readonly kind: 'begin'; readonly target: LayerTarget }
  /** The buffer comes with it, and goes back. */
  | { readonly kind: 'data'; readonly batch: Batch }
  | { readonly kind: 'end' }
  | { readonly kind: 'abandon' };

/** What it answers: `taken` for each `data` until it has an outcome, and one outcome for each `begin`. */
export type UnpackAnswer =
  | { readonly kind: 'taken'; readonly buffer: ArrayBuffer }
  /** Bytes of the layer's regular files. */
  | { readonly kind: 'unpacked'; readonly size: number }
  | { readonly kind: 'failed'; readonly failure: UnpackFailure }
  | { readonly kind: 'abandoned' };

/** An error as it crosses threads. */
export interface UnpackFailure {
  readonly class: ErrorClass;
  readonly message: string;
  readonly operation: string | undefined;
  readonly object: string | undefined;
}

let unpacking: LayerUnpacking | undefined;

const answer = (message: UnpackAnswer, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

function end(message: UnpackAnswer): void {
  unpacking?.close();
  unpacking = undefined;
  answer(message);
}

function carryOut(request: UnpackRequest): void {
  if (request.kind === 'begin') unpacking = new LayerUnpacking(request.target);
  if (unpacking === undefined) return; // what was sent before a failure was heard of
  switch (request.kind) {
    case 'begin':
      return;
    case 'data':
      unpacking.feed(request.batch);
      while (unpacking.step());
      unpacking.detach();
      return answer({ kind: 'taken', buffer: request.batch.buffer }, [request.batch.buffer]);
    case 'end':
      return end({ kind: 'unpacked', size: unpacking.finish() });
    case 'abandon':
      return end({ kind: 'abandoned' });
  }
}

parentPort?.on('message', (request: UnpackRequest) => {
  try {
    carryOut(request);
  } catch (error) {
    end({ kind: 'failed', failure: describe(unpackError(error, unpacking?.current ?? '')) });
  }
});

function describe(error: unknown): UnpackFailure {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof CaissonError ? error : { class: 'system' as const, operation: 'unpack layer', object: undefined };
  return { class: known.class, message, operation: known.operation, object: known.object };
}
