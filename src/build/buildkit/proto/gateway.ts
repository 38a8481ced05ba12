/** moby.buildkit.v1.frontend: what a client asks for while it drives a build itself, as buildx does. */
import { bool, bytes, field, int64, map, message, optional, repeated, string, type ValueOf } from './codec.ts';
import { workerRecord } from './control.ts';
import { status } from './google.ts';
import { definition, definitions } from './ops.ts';

const ref = message({ id: field(1, string), def: optional(2, definition) });
export const result = message({ ref: optional(3, ref), metadata: map(10, bytes) });

export const returnRequest = message({ result: optional(1, result), error: optional(2, status) });

export const solveRequest = message({
  definition: optional(1, definition), frontend: field(2, string), frontendOpt: map(3, string), allowResultReturn: field(5, bool), allowResultArrayRef: field(6, bool),
  frontendInputs: definitions(13), evaluate: field(14, bool),
});
export type GatewayRequest = ValueOf<typeof solveRequest>;
export const solveResponse = message({ result: optional(3, result) });

const fileRange = message({ offset: field(1, int64), length: field(2, int64) });
export const readFileRequest = message({ ref: field(1, string), filePath: field(2, string), range: optional(3, fileRange) });
export const readFileResponse = message({ data: field(1, bytes) });
export const evaluateRequest = message({ ref: field(1, string) });

const capability = message({ id: field(1, string), enabled: field(2, bool), deprecated: field(3, bool), disabledReasonMsg: field(5, string) });
export const pongResponse = message({ frontendApiCaps: repeated(1, capability), llbCaps: repeated(2, capability), workers: repeated(3, workerRecord) });
