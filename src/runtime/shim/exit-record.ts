import { readFileSync } from 'node:fs';
import type { ExitRecord } from '../shim.ts';

/** Reads the record that a shim left at `path`; undefined when there is none, or when it is not one. */
export function readExitRecord(path: string): ExitRecord | undefined {
  let record: Partial<ExitRecord>;
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as Partial<ExitRecord>;
  } catch {
    return undefined;
  }
  const { exitCode, signal, finishedAt, oomKilled } = record;
  if (typeof exitCode !== 'number' || typeof signal !== 'number' || typeof finishedAt !== 'string' || typeof oomKilled !== 'boolean') return undefined;
  return { exitCode, signal, finishedAt, oomKilled };
}
