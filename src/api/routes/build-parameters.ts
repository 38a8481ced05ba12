/** Parameters of `POST /build`, which both of its builders take. */
import { invalidParameter } from '../../errors.ts';
import { findJsonFault } from '../json-syntax.ts';
import type { Query } from '../query.ts';
import { checkShape, map, type Shape, string } from '../schema.ts';

/** httputils.Int64ValueOrZero. */
export const number = (query: Query, name: string): number => (/^[+-]?\d{1,18}$/.test(query.get(name)) ? Number(query.get(name)) : 0);

/** A parameter that is JSON, of the given shape; null and nothing are the same. */
export function parameter(query: Query, name: string, what: string, shape: Shape): unknown {
  const text = query.get(name);
  if (text === '') return undefined;
  const value = parseParameter(text, what);
  checkShape(value, shape);
  return value ?? undefined;
}

function parseParameter(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = findJsonFault(text);
    const why = fault.kind === 'syntax' ? fault.message : 'unexpected end of JSON input';
    throw invalidParameter(`error reading ${what}: ${why}`, { object: text, cause });
  }
}

/** A map of strings; a value that is null is one that the client does not have. */
export const texts = (query: Query, name: string, what: string): Readonly<Record<string, string | null>> =>
  (parameter(query, name, what, map(string)) ?? {}) as Readonly<Record<string, string | null>>;

export const withoutNulls = (values: Readonly<Record<string, string | null>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value ?? '']));
