/** Request line and header fields (RFC 9112 sections 3 and 5), parsed strictly: what is ambiguous is refused. */
import { HttpError } from './http-error.ts';

/** Bytes of a request line and its header fields together. Room for a long filter or registry credentials, no more. */
export const maxHeadBytes = 128 * 1024;

/** How the body of a request is delimited (RFC 9112 section 6.3). */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

/** Names are in lower case; fields that came more than once are joined with `, `. */
export type Headers = ReadonlyMap<string, string>;

export interface RequestHead {
  readonly method: string;
  /** Path and query as sent: `/v1.51/containers/json?all=1`. */
  readonly target: string;
  readonly httpMinor: 0 | 1;
  readonly headers: Headers;
  readonly framing: BodyFraming;
  readonly keepAlive: boolean;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- no field may contain them (RFC 9110 section 5.5)
const controls = /[\0-\x08\x0a-\x1f\x7f]/;
const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\0-\x20\x7f]+) HTTP\/([0-9])\.([0-9])$/;

/**
 * Parses `text`, a head without its final empty line, in latin1.
 * @throws HttpError 400, 417, 501 or 505
 */
export function parseHead(text: string): RequestHead {
  const lines = text.split('\r\n');
  const first = lines[0] ?? '';
  const match = requestLine.exec(first);
  if (match === null) throw new HttpError(400, `malformed HTTP request ${quote(first)}`);
  const [, method, rawTarget, major, minor] = match;
  if (major !== '1' || (minor !== '0' && minor !== '1')) {
    throw new HttpError(505, `unsupported protocol version HTTP/${major}.${minor}: Caisson speaks HTTP/1.1`);
  }
  const headers = parseFields(lines);
  const httpMinor = minor === '1' ? 1 : 0;
  if (httpMinor === 1 && !headers.has('host')) throw new HttpError(400, 'missing required Host header');
  return {
    method: method as string,
    target: originForm(rawTarget as string),
    httpMinor,
    headers,
    framing: framingOf(headers, httpMinor),
    keepAlive: keepAliveOf(headers, httpMinor),
    expectsContinue: expectsContinue(headers, httpMinor),
  };
}

function parseFields(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] as string;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    // Also refuses folded lines and a blank before the colon, two classic ways of smuggling.
    if (!token.test(name)) throw new HttpError(400, `malformed HTTP header ${quote(line)}`);
    const value = line.slice(colon + 1).trim();
    if (controls.test(value)) throw new HttpError(400, `malformed HTTP header ${quote(line)}`);
    const key = name.toLowerCase();
    const previous = headers.get(key);
    if (previous !== undefined && (key === 'content-length' || key === 'host') && previous !== value) {
      throw new HttpError(400, `more than one ${name} header`);
    }
    headers.set(key, previous === undefined || previous === value ? value : `${previous}, ${value}`);
  }
  return headers;
}

/** `http://host/path` (absolute form, as proxies send it) to `/path`; only paths are served. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(target);
  if (absolute === null) throw new HttpError(400, `malformed HTTP request target ${quote(target)}`);
  const path = absolute[1] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}

function framingOf(headers: Headers, httpMinor: 0 | 1): BodyFraming {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    if (length !== undefined) throw new HttpError(400, 'both Content-Length and Transfer-Encoding are set');
    if (httpMinor === 0 || coding.toLowerCase() !== 'chunked') {
      throw new HttpError(501, `unsupported transfer encoding ${quote(coding)}`);
    }
    return { kind: 'chunked' };
  }
  if (length === undefined) return { kind: 'none' };
  const bytes = Number(length);
  if (!/^[0-9]{1,16}$/.test(length) || !Number.isSafeInteger(bytes)) {
    throw new HttpError(400, `bad Content-Length ${quote(length)}`);
  }
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes };
}

function keepAliveOf(headers: Headers, httpMinor: 0 | 1): boolean {
  const connection = headers.get('connection')?.toLowerCase();
  if (connection === undefined) return httpMinor === 1;
  const options = connection.split(',').map((option) => option.trim());
  return httpMinor === 1 ? !options.includes('close') : options.includes('keep-alive');
}

function expectsContinue(headers: Headers, httpMinor: 0 | 1): boolean {
  const expectation = headers.get('expect');
  if (expectation === undefined || httpMinor === 0) return false;
  if (expectation.toLowerCase() !== '100-continue') {
    throw new HttpError(417, `unknown expectation ${quote(expectation)}`);
  }
  return true;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
