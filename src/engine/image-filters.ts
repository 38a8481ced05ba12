/** Filters that listing and pruning of images share. */
import { invalidParameter } from '../errors.ts';
import type { Image } from '../images/service.ts';
import type { Filters } from './engine.ts';
import { matchesLabel } from './events.ts';
import { parseTime } from './timestamps.ts';

export type Labels = Readonly<Record<string, string>>;

/** Null when the image has none. */
export const labelsOf = (image: Image): Labels | null => (image.config.config?.['Labels'] as Labels | null | undefined) ?? null;

/** Nanoseconds since the epoch; undefined when the image does not say. */
export function createdAt({ config }: Image): bigint | undefined {
  return config.created === undefined ? undefined : parseTime(config.created);
}

/** Seconds since the epoch, 0 when the image does not say. */
export function createdSeconds(image: Image): number {
  const created = createdAt(image);
  if (created === undefined) return 0;
  return Number(created >= 0n ? created / 1_000_000_000n : (created - 999_999_999n) / 1_000_000_000n);
}

/** Docker's GetBoolOrDefault. Throws invalid-parameter for anything but one of the two. */
export function booleanFilter(filters: Filters, name: string, missing: boolean): boolean {
  const values = filters[name];
  if (values === undefined) return missing;
  if (values.length === 0) throw invalidParameter(`invalid filter '${name}'`);
  const isTrue = values.includes('1') || values.includes('true');
  const isFalse = values.includes('0') || values.includes('false');
  if (isTrue === isFalse) throw invalidParameter(`invalid filter '${name}=[${values.join(' ')}]'`);
  return isTrue;
}

/** Every `label`, and not every one of `label!`, as Docker has it. An image without a configuration has labels of no kind. */
export function labelsMatch(image: Image, filters: Filters): boolean {
  const labels = labelsOf(image) ?? {};
  const all = (values: readonly string[]) => values.every((value) => matchesLabel(labels, value));
  const without = filters['label!'];
  return all(filters['label'] ?? []) && (without === undefined || !all(without));
}
