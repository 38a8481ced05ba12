/** Digests of content, and the chain ids of stacks of layers. */
import { createHash } from 'node:crypto';
import { CaissonError } from '../errors.ts';
import type { Digest } from './driver.ts';

export type { Digest };

export function sha256(content: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

/** The chain id of a layer with `diffId` on `parent` (OCI image-spec, config.md "Layer ChainID"). */
export function chainIdOf(parent: Digest | null, diffId: Digest): Digest {
  return parent === null ? diffId : sha256(`${parent} ${diffId}`);
}

/** A layer's archive that is not the one that was asked for. */
export class DiffIdMismatch extends CaissonError {
  /** `number` counts from the lowest layer, 0. */
  constructor(number: number, expected: Digest, actual: Digest) {
    super('invalid-parameter', `invalid diffID for layer ${number}: expected "${expected}", got "${actual}"`, {
      operation: 'unpack layer', object: expected,
    });
  }
}
