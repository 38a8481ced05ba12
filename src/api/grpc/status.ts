/** The end of a call, as trailers carry it. */
import type { HeaderList } from '../http2/hpack.ts';
import { status } from '../../build/buildkit/proto/google.ts';
import { type ErrorDetail, RpcError, rpcCode } from '../../build/buildkit/rpc.ts';

const okTrailers: HeaderList = [['grpc-status', '0']];

/** Bytes of a sentence in a header; what is longer stands in the details. */
const maxMessageBytes = 4096;

export function statusTrailers(failure: RpcError | undefined): HeaderList {
  if (failure === undefined) return okTrailers;
  const details = failure.details.length === 0 ? [] : [['grpc-status-details-bin', Buffer.from(status.encode(failure)).toString('base64').replace(/=+$/, '')] as const];
  return [['grpc-status', String(failure.code)], ['grpc-message', percentEncode(failure.message)], ...details];
}

/** Undefined for a call that went well. */
export function failureOf(trailers: HeaderList): RpcError | undefined {
  const valueOf = (name: string): string | undefined => trailers.find((entry) => entry[0] === name)?.[1];
  const code = valueOf('grpc-status');
  if (code === '0') return undefined;
  const message = percentDecode(valueOf('grpc-message') ?? '');
  if (code === undefined || !/^\d{1,4}$/.test(code)) return new RpcError(rpcCode.unknown, message || 'the call ended without a status');
  return new RpcError(Number(code), message, detailsOf(valueOf('grpc-status-details-bin')));
}

/** Printable ASCII but for the percent sign stays as it is. */
function percentEncode(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message).subarray(0, maxMessageBytes)) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function percentDecode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function detailsOf(encoded: string | undefined): readonly ErrorDetail[] {
  try {
    return encoded === undefined ? [] : status.decode(Buffer.from(encoded, 'base64')).details;
  } catch {
    // The sentence is what matters.
    return [];
  }
}
