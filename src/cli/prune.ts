/** What the prune commands share: they ask first, and tell what has gone. */
import type { Flags } from './flags/values.ts';
import { flag } from './flags/spec.ts';
import { humanSize } from './format/quantity.ts';
import { confirm } from './io/confirm.ts';
import { print } from './io/output.ts';

export const pruneFlags = [
  flag('filter', 'list', 'Remove only those that match (until=24h, label=a=b)', { value: 'filter' }),
  flag('f,force', 'bool', 'Do not ask'),
];

/** Rejects when the answer is no. */
export async function confirmPrune(flags: Flags, warning: string): Promise<void> {
  if (!flags.bool('force')) await confirm(warning);
}

/** `reclaimed`: bytes; undefined where nothing on disk is freed. */
export function printPruned(title: string, removed: readonly string[] | null, reclaimed?: number): void {
  const list = removed === null || removed.length === 0 ? '' : `${title}:\n${removed.join('\n')}\n\n`;
  print(reclaimed === undefined ? list : `${list}Total reclaimed space: ${humanSize(reclaimed)}\n`);
}
