/** Docker's records of a pull or push as statuses of a step. */
import type { ProgressRecord } from '../../images/service.ts';
import type { ProgressVertex, StepStatus } from './progress.ts';

/** What ends a layer's transfer. */
const ends = new Set(['Download complete', 'Pull complete', 'Already exists', 'Pushed', 'Layer already exists']);

/** Each layer is a status of its own. */
export function transferTeller(vertex: ProgressVertex): (record: ProgressRecord) => void {
  const statuses = new Map<string, StepStatus>();
  return ({ id, status, progressDetail }) => {
    if (typeof id !== 'string' || typeof status !== 'string') return;
    let transfer = statuses.get(id);
    if (transfer === undefined) statuses.set(id, (transfer = vertex.status(id)));
    const { current, total } = (progressDetail ?? {}) as { current?: number; total?: number };
    if (ends.has(status)) transfer.done();
    else if (current !== undefined) transfer.report(current, total);
  };
}
