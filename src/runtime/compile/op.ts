/** Builds operations of a plan with their fields checked by name. */
import type { Operation, OperationFields, OperationName } from '../plan/operations.ts';

/** umount2(2): out of sight at once, gone when nothing uses it any more. */
export const MNT_DETACH = 2;

/** One operation. `reason` is a short clause that tells a reader of the plan why it is there. */
export function op<N extends OperationName>(name: N, reason: string, fields: OperationFields<N>): Operation {
  return { name, reason, ...fields } as unknown as Operation;
}
