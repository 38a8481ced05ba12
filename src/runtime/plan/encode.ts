/**
 * A plan in binary, as the helper reads it in place:
 *
 *   u32 magic, u32 version, then the sections prepare, clone, init, host, release, each as
 *     u32 count, u32 bytes, then its operations, each as
 *       u32 code, u32 bytes, fields in the order of `operations.ts`
 *
 * Reasons are for people and are not sent.
 */
import { Writer, writeFields } from './codec.ts';
import type { Fields, FieldValues } from './codec.ts';
import { operations } from './operations.ts';
import type { Operation, Plan } from './operations.ts';

/** `CPLN`, little-endian. */
export const planMagic = 0x4e4c5043;
/** Raised when the meaning of something already on the wire changes; new operations do not raise it. */
export const planVersion = 1;

/** Encodes a plan. Throws CaissonError (invalid-parameter) when a string has a NUL inside. */
export function encodePlan(plan: Plan): Uint8Array {
  const writer = new Writer();
  writePlan(writer, plan);
  return writer.finish();
}

/** Appends a plan to what `writer` holds. */
export function writePlan(writer: Writer, plan: Plan): void {
  writer.u32(planMagic);
  writer.u32(planVersion);
  writeSection(writer, plan.prepare);
  writeSection(writer, [plan.clone]);
  writeSection(writer, plan.init);
  writeSection(writer, plan.host);
  writeSection(writer, plan.release);
}

/** One section alone. */
export function encodeSection(operations: readonly Operation[]): Uint8Array {
  const writer = new Writer();
  writeSection(writer, operations);
  return writer.finish();
}

/** Appends one section, as it also stands alone in a release message. */
export function writeSection(writer: Writer, section: readonly Operation[]): void {
  writer.u32(section.length);
  const size = writer.hole();
  const start = writer.length;
  for (const operation of section) writeOperation(writer, operation);
  writer.patch(size, writer.length - start);
}

function writeOperation(writer: Writer, operation: Operation): void {
  const { code, fields }: { code: number; fields: Fields } = operations[operation.name];
  writer.u32(code);
  const size = writer.hole();
  const start = writer.length;
  writeFields(writer, fields, operation as unknown as FieldValues<Fields>);
  writer.patch(size, writer.length - start);
}
