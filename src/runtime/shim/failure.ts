import { errnoText } from '../../linux/errno.ts';
import type { Operation, Plan } from '../plan/operations.ts';
import { LaunchError } from '../shim.ts';
import type { Reply } from './connection.ts';
import { failedSections } from './protocol.ts';

/** A `failed` answer with the operation of the plan that it is about. */
export function launchErrorOf(failed: Reply<'failed'>, plan: Partial<Plan>): LaunchError {
  const name = failedSections[failed.section];
  const section = name === undefined || name === 'release' ? 'prepare' : name;
  const operation: Operation | undefined = section === 'clone' ? plan.clone : plan[section]?.[failed.index];
  const failure = { section, index: failed.index, errno: failed.error, object: failed.object };
  const what = [operation?.name, failed.object].filter((part) => part !== undefined && part !== '').join(' ');
  return new LaunchError(failure, operation, `${what === '' ? 'start' : what}: ${errnoText(failed.error)}`);
}
