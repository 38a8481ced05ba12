import { invalidParameter } from '../../errors.ts';
import { intFault } from '../query.ts';
import type { Query } from '../query.ts';

/**
 * `h` and `w` of a resize request.
 * @throws invalid-parameter in Docker's words
 */
export function terminalSize(query: Query): { rows: number; columns: number } {
  return { rows: dimension(query, 'h', 'height'), columns: dimension(query, 'w', 'width') };
}

function dimension(query: Query, name: string, meaning: string): number {
  const text = query.get(name);
  const fault = intFault(text, 0n, 2n ** 32n - 1n);
  if (fault !== undefined) throw invalidParameter(`invalid resize ${meaning} ${JSON.stringify(text)}: ${fault}`);
  return Number(text);
}
