/** Ids of the networks that are always there: the same after every start, so that a client may remember them. */
import { createHash } from 'node:crypto';

const known = new Map<string, string>();

/** Asked for with every container of a list. */
export function networkId(name: string): string {
  const id = known.get(name) ?? createHash('sha256').update(`caisson network ${name}`).digest('hex');
  known.set(name, id);
  return id;
}
