/** Times as protobuf has them. */

/** google.protobuf.Timestamp of milliseconds since 1970. */
export const timestampOf = (milliseconds: number) => ({
  seconds: Math.floor(milliseconds / 1000), nanos: Math.round((milliseconds - Math.floor(milliseconds / 1000) * 1000) * 1e6),
});
