/** Parts of package pb of BuildKit: what is not here is passed over. */
import { bytes, field, int32, map, message, optional, repeated, string } from './codec.ts';

export const platform = message({ architecture: field(1, string), os: field(2, string), variant: field(3, string) });

/** Lines from 1, characters from 0. */
const position = message({ line: field(1, int32), character: field(2, int32) });
export const range = message({ start: optional(1, position), end: optional(2, position) });

export const sourceInfo = message({ filename: field(1, string), data: field(2, bytes), language: field(4, string) });

/** `metadata` by the digests of the operations: clients insist on it, and on a source. */
export const definition = message({ def: repeated(1, bytes), metadata: map(2, message({})), source: optional(3, message({})) });
export const definitions = (number: number) => map(number, definition);
