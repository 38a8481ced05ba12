/**
 * Remote calls as the services of a build see them, whichever end opened the connection; `api/grpc/` carries them. A message is the
 * bytes of one protobuf message.
 */

/** Status codes of gRPC (google.rpc.Code) that are used here. */
export const rpcCode = {
  ok: 0, cancelled: 1, unknown: 2, invalidArgument: 3, notFound: 5, alreadyExists: 6, permissionDenied: 7, resourceExhausted: 8,
  failedPrecondition: 9, unimplemented: 12, internal: 13, unavailable: 14, unauthenticated: 16,
} as const;

/** Something that is known of a failure beside its sentence: a google.protobuf.Any. */
export interface ErrorDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** How a call ends that has failed. */
export class RpcError extends Error {
  readonly code: number;
  readonly details: readonly ErrorDetail[];

  constructor(code: number, message: string, details: readonly ErrorDetail[] = []) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.details = details;
  }
}

const codeNames: Readonly<Record<number, string>> = {
  1: 'Canceled', 2: 'Unknown', 3: 'InvalidArgument', 4: 'DeadlineExceeded', 5: 'NotFound', 6: 'AlreadyExists', 7: 'PermissionDenied', 8: 'ResourceExhausted',
  9: 'FailedPrecondition', 10: 'Aborted', 11: 'OutOfRange', 12: 'Unimplemented', 13: 'Internal', 14: 'Unavailable', 15: 'DataLoss', 16: 'Unauthenticated',
};

/** An error of the other side as Go's gRPC words it, which clients are used to. */
export const remoteError = ({ code, message }: RpcError): RpcError =>
  new RpcError(code, `rpc error: code = ${codeNames[code] ?? `Code(${code})`} desc = ${message}`);

interface MessageStream {
  /** What the other side says, until it has said all; may be read once. Slow reading slows it down. Rejects with RpcError. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** What is returned settles when the other side is no longer behind; it rejects when the call has ended. */
  send(message: Uint8Array): Promise<void> | undefined;
}

/** A call that the other side has made. */
export interface IncomingCall extends MessageStream {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** A metadata value by its lower-case name; several have commas between them. */
  metadata(name: string): string | undefined;
  /** Aborted when the caller has given up, or is gone. */
  readonly signal: AbortSignal;
}

/** Answers a call: returns when all has been said, throws RpcError or another error for a failure. */
export type CallHandler = (call: IncomingCall) => Promise<void>;

/** Values of one name are sent in their order. */
export type CallMetadata = Readonly<Record<string, readonly string[]>>;

/** A call that we have made. */
export interface OutgoingCall extends MessageStream {
  /** All has been said. */
  end(): void;
  /** Gives up: the other side is told, and nothing more is read. */
  cancel(): void;
}

/** The other side of a connection, as one who makes calls sees it. */
export interface RpcPeer {
  call(path: string, metadata?: CallMetadata): OutgoingCall;
  /** Aborted when the connection has ended. */
  readonly closed: AbortSignal;
  close(): void;
}

/** One message out, one message in. Rejects with RpcError. */
export async function unaryCall(peer: RpcPeer, path: string, message: Uint8Array): Promise<Uint8Array> {
  const call = peer.call(path);
  await call.send(message);
  call.end();
  let answer: Uint8Array | undefined;
  for await (const received of call.messages) answer = received;
  if (answer === undefined) throw new RpcError(rpcCode.internal, `${path}: no answer`);
  return answer;
}
