/**
 * Shapes of request bodies, checked as Go's encoding/json does when it decodes into a struct: null is always welcome,
 * unknown fields
 * are ignored, field names match whatever their case, a value of a wrong type is refused in Go's words.
 */
import { invalidParameter } from '../errors.ts';

/** A scalar's Go type: its JSON type follows from it, and error texts name it. */
export interface Scalar {
  readonly kind: 'string' | 'bool' | 'number' | 'int' | 'uint';
  readonly goType: string;
}

/** A struct that decodes into `Value`. */
export interface Struct<Value = unknown> {
  /** Never set: it is how the compiler knows of `Value`. */
  readonly decoded?: Value;
  readonly kind: 'struct';
  readonly goType: string;
  readonly fields: Readonly<Record<string, Shape>>;
  /** Field names in lower case to their spelling; made with the struct. */
  readonly spelling: ReadonlyMap<string, string>;
  /** As an element of a list: null and missing fields become Go's zero values, which Docker's inspect shows. */
  readonly whole: boolean;
}

export type Shape =
  | Scalar
  | Struct
  | { readonly kind: 'array'; readonly of: Shape; readonly goType: string }
  | { readonly kind: 'map'; readonly of: Shape; readonly goType: string }
  /** Docker's strslice: a list of strings, or one string that stands for a list of one. */
  | { readonly kind: 'words' }
  | { readonly kind: 'any' };

export const string: Shape = { kind: 'string', goType: 'string' };
export const bool: Shape = { kind: 'bool', goType: 'bool' };
export const int: Shape = { kind: 'int', goType: 'int' };
export const int64: Shape = { kind: 'int', goType: 'int64' };
export const uint: Shape = { kind: 'uint', goType: 'uint' };
export const words: Shape = { kind: 'words' };
export const any: Shape = { kind: 'any' };
/** A string with a Go type of its own. */
export const named = (goType: string): Shape => ({ kind: 'string', goType });
export const array = (of: Shape): Shape => ({ kind: 'array', of, goType: `[]${goTypeOf(of)}` });
export const map = (of: Shape): Shape => ({ kind: 'map', of, goType: `map[string]${goTypeOf(of)}` });

export function struct(goType: string, fields: Readonly<Record<string, Shape>>): Struct<never> {
  const spelling = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return { kind: 'struct', goType, fields, spelling, whole: false };
}

/** A struct of which no field is optional (`omitempty`). */
export const wholeStruct = (goType: string, fields: Readonly<Record<string, Shape>>): Struct<never> => ({
  ...struct(goType, fields), whole: true,
});

/** Names without values, as in ExposedPorts. */
export const set: Shape = map(struct('struct {}', {}));

function goTypeOf(shape: Shape): string {
  if (shape.kind === 'words') return 'strslice.StrSlice';
  return shape.kind === 'any' ? 'interface {}' : shape.goType;
}

interface Place {
  /** Name of the innermost struct, without its package. */
  readonly struct: string;
  /** Field names from the root, joined with dots; empty at the root. */
  readonly path: string;
}

/**
 * Checks `value` and gives fields the spelling that the shape has and lists the form of lists, in place.
 * @throws invalid-parameter, `json: cannot unmarshal …`
 */
export function checkShape(value: unknown, shape: Shape): void {
  check(value, shape, { struct: '', path: '' });
}

function check(value: unknown, shape: Shape, place: Place): void {
  if (value === null || value === undefined) return;
  switch (shape.kind) {
    case 'any':
      return;
    case 'string':
    case 'bool':
      if (typeof value !== (shape.kind === 'bool' ? 'boolean' : 'string')) refuse(value, shape.goType, place);
      return;
    case 'number':
      if (typeof value !== 'number') refuse(value, shape.goType, place);
      return;
    case 'int':
    case 'uint':
      checkInteger(value, shape, place);
      return;
    case 'words':
      if (typeof value !== 'string') checkArray(value, string, 'string', place);
      return;
    case 'array':
      checkArray(value, shape.of, shape.goType, place);
      return;
    case 'map':
      if (!isObject(value)) return refuse(value, shape.goType, place);
      for (const key of Object.keys(value)) check(value[key], shape.of, place);
      return;
    case 'struct':
      if (!isObject(value)) return refuse(value, shape.goType, place);
      checkStruct(value, shape, place);
  }
}

/** Bits that a Go type says it has: `uint16` and the like; 64 for the others. */
const bitsOf = (goType: string): number => Number(/^u?int(8|16|32)$/.exec(goType)?.[1] ?? 64);

function checkInteger(value: unknown, shape: Scalar, place: Place): void {
  const bits = bitsOf(shape.goType);
  const low = shape.kind === 'uint' ? 0 : -(2 ** (bits - 1));
  const limit = 2 ** (shape.kind === 'uint' ? bits : bits - 1);
  const high = bits < 64 ? limit - 1 : limit;
  // High itself is let through: 2^63-1, a usual way of saying "unlimited", reads as 2^63 in a double.
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return;
  refuse(value, shape.goType, place);
}

function checkArray(value: unknown, of: Shape, goType: string, place: Place): void {
  if (!Array.isArray(value)) return refuse(value, goType, place);
  for (const item of value) check(item, of, place);
  if (of.kind === 'struct' && of.whole) for (const [index, item] of value.entries()) value[index] = completed(item, of);
}

/** All fields, in the struct's order. */
function completed(item: unknown, { fields }: Struct): Record<string, unknown> {
  const given = isObject(item) ? item : {};
  return Object.fromEntries(Object.entries(fields).map(([name, shape]) => [name, given[name] ?? zeroOf(shape)]));
}

function zeroOf({ kind }: Shape): unknown {
  if (kind === 'string') return '';
  if (kind === 'bool') return false;
  return kind === 'int' || kind === 'uint' || kind === 'number' ? 0 : null;
}

function checkStruct(value: Record<string, unknown>, shape: Struct, place: Place): void {
  const name = shape.goType.slice(shape.goType.lastIndexOf('.') + 1);
  for (const key of Object.keys(value)) {
    const field = Object.hasOwn(shape.fields, key) ? key : shape.spelling.get(key.toLowerCase());
    if (field === undefined) continue;
    const path = place.path === '' ? field : `${place.path}.${field}`;
    const fieldShape = shape.fields[field] as Shape;
    check(value[key], fieldShape, { struct: name, path });
    if (fieldShape.kind === 'words' && typeof value[key] === 'string') value[key] = [value[key]];
    if (field === key) continue;
    value[field] = value[key];
    delete value[key];
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(value: unknown, goType: string, place: Place): never {
  const where = place.path === '' ? 'Go value' : `Go struct field ${place.struct}.${place.path}`;
  const what = describe(value, goType);
  throw invalidParameter(`invalid JSON: json: cannot unmarshal ${what} into ${where} of type ${goType}`);
}

function describe(value: unknown, goType: string): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return /int/.test(goType) ? `number ${value}` : 'number';
  return typeof value;
}
