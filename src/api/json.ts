/** Request bodies in JSON, read as Docker's httputils.ReadJSON reads them. */
import { invalidParameter } from '../errors.ts';
import type { HttpRequest } from './http/request.ts';
import { findJsonFault } from './json-syntax.ts';
import { checkShape } from './schema.ts';
import type { Struct } from './schema.ts';

/** Bytes; a container's whole configuration is some kilobytes. */
const maxJsonBytes = 8 * 1024 * 1024;

/**
 * The body as an object of the given shape, or null when there is none (or it is JSON's null).
 * @throws invalid-parameter in Docker's words
 */
export async function readJson<Value>(request: HttpRequest, shape: Struct<Value>): Promise<Value | null> {
  checkContentType(request);
  if (request.bodyless) return null;
  const body = await request.body.collect(maxJsonBytes);
  return decodeJson(body.toString('utf8'), shape);
}

/** Like readJson, for an endpoint that cannot do without a body. */
export async function requireJson<Value>(request: HttpRequest, shape: Struct<Value>): Promise<Value | null> {
  checkContentType(request);
  if (request.bodyless) throw invalidParameter('invalid JSON: got EOF while reading request body');
  return readJson(request, shape);
}

/** @throws invalid-parameter in Docker's words */
export function decodeJson<Value>(text: string, shape: Struct<Value>): Value | null {
  const value = parse(text);
  checkShape(value, shape);
  // The shape has been checked, as far as it is described.
  return value as Value | null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const fault = findJsonFault(text);
    if (fault.kind === 'empty') throw invalidParameter('invalid JSON: got EOF while reading request body');
    if (fault.kind === 'trailing') throw invalidParameter('unexpected content after JSON');
    throw invalidParameter(`invalid JSON: ${fault.message}`);
  }
}

/** Docker's CheckForJSON: no Content-Type is fine as long as there is no body. */
function checkContentType(request: HttpRequest): void {
  const type = request.header('content-type') ?? '';
  if (type === '' && request.bodyless) return;
  const media = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (media === '') throw invalidParameter(`malformed Content-Type header (${type}): mime: no media type`);
  if (media !== 'application/json') {
    throw invalidParameter(`unsupported Content-Type header (${type}): must be 'application/json'`);
  }
}
