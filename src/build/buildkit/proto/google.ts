/** Well-known messages. */
import { bytes, field, int32, int64, message, repeated, string } from './codec.ts';

/** google.protobuf.Timestamp. */
export const timestamp = message({ seconds: field(1, int64), nanos: field(2, int32) });

/** google.protobuf.Any. */
export const any = message({ typeUrl: field(1, string), value: field(2, bytes) });

/** google.rpc.Status: how a call has failed. */
export const status = message({ code: field(1, int32), message: field(2, string), details: repeated(3, any) });
