/** What both ends of an HTTP/2 connection allow the other one: a client may be hostile, and memory is what it could ask for. */
import type { Settings } from 'node:http2';

/** Bytes that a call may have on the way before they are read: as much as a fast disk writes in the time of a wake-up. */
const windowBytes = 256 * 1024;

export const http2Settings: Settings = {
  enablePush: false, initialWindowSize: windowBytes, maxConcurrentStreams: 256, maxHeaderListSize: 64 * 1024, maxFrameSize: 16 * 1024, headerTableSize: 4096,
};
