/**
 * What a registry answers when it refuses (OCI distribution-spec, "Error Codes"), told as Docker tells it. The words and
 * statuses of the codes are those of github.com/distribution/distribution, registry/api/errcode.
 */
import { STATUS_CODES } from 'node:http';
import { CaissonError, type ErrorClass } from '../../errors.ts';

interface Code {
  /** What the code alone means. */
  readonly message: string;
  readonly class: ErrorClass;
}

const codes: Readonly<Record<string, Code>> = {
  UNKNOWN: { message: 'unknown error', class: 'system' },
  UNSUPPORTED: { message: 'The operation is unsupported.', class: 'system' },
  UNAUTHORIZED: { message: 'authentication required', class: 'unauthorized' },
  DENIED: { message: 'requested access to the resource is denied', class: 'forbidden' },
  UNAVAILABLE: { message: 'service unavailable', class: 'unavailable' },
  TOOMANYREQUESTS: { message: 'too many requests', class: 'resource-exhausted' },
  DIGEST_INVALID: { message: 'provided digest did not match uploaded content', class: 'invalid-parameter' },
  SIZE_INVALID: { message: 'provided length did not match content length', class: 'invalid-parameter' },
  NAME_INVALID: { message: 'invalid repository name', class: 'invalid-parameter' },
  TAG_INVALID: { message: 'manifest tag did not match URI', class: 'invalid-parameter' },
  NAME_UNKNOWN: { message: 'repository name not known to registry', class: 'not-found' },
  MANIFEST_UNKNOWN: { message: 'manifest unknown', class: 'not-found' },
  MANIFEST_INVALID: { message: 'manifest invalid', class: 'invalid-parameter' },
  MANIFEST_UNVERIFIED: { message: 'manifest failed signature verification', class: 'invalid-parameter' },
  MANIFEST_BLOB_UNKNOWN: { message: 'blob unknown to registry', class: 'invalid-parameter' },
  BLOB_UNKNOWN: { message: 'blob unknown to registry', class: 'not-found' },
  BLOB_UPLOAD_UNKNOWN: { message: 'blob upload unknown to registry', class: 'not-found' },
  BLOB_UPLOAD_INVALID: { message: 'blob upload invalid', class: 'not-found' },
};

/** A registry's refusal. Its message is `code: what the registry said`. */
export class RegistryError extends CaissonError {
  /** HTTP status. */
  readonly status: number;
  readonly code: string;
  /** The registry gave a reason of its own: Docker puts such refusals into more words. */
  readonly explained: boolean;

  constructor(status: number, code: string, reason: string | undefined) {
    const words = code.toLowerCase().replaceAll('_', ' ');
    super(codes[code]?.class ?? 'system', reason === undefined ? words : `${words}: ${reason}`);
    this.status = status;
    this.code = code;
    this.explained = reason !== undefined;
  }
}

/** A server that failed, or that is no registry. */
export class UnexpectedAnswer extends CaissonError {
  /** HTTP status. */
  readonly status: number;

  constructor(status: number, message = `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()) {
    super('system', message);
    this.status = status;
  }
}

/** Error documents are small. */
const maxBody = 64 * 1024;

/** The error that an answer with a status other than success means. */
export function refusal(status: number, contentType: string, body: Uint8Array): CaissonError {
  if (status < 400 || status >= 500) return new UnexpectedAnswer(status);
  const text = new TextDecoder().decode(body.subarray(0, maxBody));
  // The answer to a HEAD, most often.
  if (text === '' && codeOf(status) !== 'UNKNOWN') return new RegistryError(status, codeOf(status), undefined);
  if (text === '' || !/[/+]json\b/.test(contentType)) return new RegistryError(status, codeOf(status), text.trim());
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return new UnexpectedAnswer(status, `error parsing HTTP ${status} response body: ${(error as Error).message}: ${JSON.stringify(text)}`);
  }
  return fromDocument(status, json) ?? new RegistryError(status, codeOf(status), text.trim());
}

function fromDocument(status: number, json: unknown): RegistryError | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  // What token servers answer (and a proxy of Docker Hub): {"details": "…"}.
  if ('details' in json && typeof json.details === 'string') return new RegistryError(status, codeOf(status), json.details);
  const first: unknown = 'errors' in json && Array.isArray(json.errors) ? json.errors[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const { code, message, detail } = first as Record<string, unknown>;
  const known = typeof code === 'string' && code in codes ? code : 'UNKNOWN';
  const text = typeof message === 'string' && message !== '' ? message : codes[known]!.message;
  const plain = text === codes[known]!.message && (detail === undefined || detail === null);
  return new RegistryError(status, known, plain ? undefined : text);
}

const codeOf = (status: number): string =>
  status === 401 ? 'UNAUTHORIZED' : status === 403 ? 'DENIED' : status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN';
