/** fsutil.types: how files are sent. */
import { bigInt64, bytes, field, int32, int64, map, message, optional, string, uint32, type ValueOf } from './codec.ts';

/** `mode` has Go's bits (os.FileMode), `modTime` nanoseconds since 1970. */
export const stat = message({
  path: field(1, string), mode: field(2, uint32), uid: field(3, uint32), gid: field(4, uint32), size: field(5, int64), modTime: field(6, bigInt64),
  linkname: field(7, string), devmajor: field(8, int64), devminor: field(9, int64), xattrs: map(10, bytes),
});
export type Stat = ValueOf<typeof stat>;

export const packetType = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

export const packet = message({ type: field(1, int32), stat: optional(2, stat), id: field(3, uint32), data: field(4, bytes) });

/** Bits of Go's os.FileMode. */
export const goMode = {
  directory: 2 ** 31, symlink: 2 ** 27, device: 2 ** 26, namedPipe: 2 ** 25, socket: 2 ** 24, setuid: 2 ** 23, setgid: 2 ** 22, characterDevice: 2 ** 21,
  sticky: 2 ** 20, permissions: 0o777,
} as const;
