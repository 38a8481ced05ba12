/** The end of a call, as trailers carry it. */
import { status } from '../../build/buildkit/proto/google.ts';
import { type ErrorDetail, RpcError, rpcCode } from '../../build/buildkit/rpc.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const okTrailers: Readonly<Record<string, string>> = { 'grpc-status': '0' };

/** Bytes of a sentence in a header; what is longer stands in the details. */
const maxMessageBytes = 4096;

export function statusTrailers(failure: RpcError | undefined): Record<string, string> {
  if (failure === undefined) return { ...okTrailers };
  return {
    'grpc-status': String(failure.code),
    'grpc-message': percentEncode(failure.message),
    ...(failure.details.length === 0 ? {} : { 'grpc-status-details-bin': Buffer.from(status.encode(failure)).toString('base64').replace(/=+$/, '') }),
  };
}

/** Undefined for a call that went well. */
export function failureOf(trailers: Headers): RpcError | undefined {
  const status = text(trailers['grpc-status']);
  if (status === '0') return undefined;
  const message = percentDecode(text(trailers['grpc-message']) ?? '');
  if (status === undefined || !/^\d{1,4}$/.test(status)) return new RpcError(rpcCode.unknown, message || 'the call ended without a status');
  return new RpcError(Number(status), message, detailsOf(text(trailers['grpc-status-details-bin'])));
}

const text = (value: string | readonly string[] | undefined): string | undefined => (typeof value === 'object' ? value[0] : value);

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
