/** What ends a connection or a stream of HTTP/2 (RFC 9113 section 7). */
export const errorCode = {
  none: 0, protocol: 1, internal: 2, flowControl: 3, streamClosed: 5, frameSize: 6, refusedStream: 7, cancel: 8, compression: 9, enhanceYourCalm: 11,
} as const;

/** The other side does not speak the protocol, or asks for too much: the connection ends. */
export class Http2Error extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'Http2Error';
    this.code = code;
  }
}
