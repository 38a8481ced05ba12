/** Restart policies (moby api/types/container hostconfig ValidateRestartPolicy). */
import { invalidParameter } from '../../errors.ts';
import type { RestartPolicy } from '../docker-types.ts';

/** Throws invalid-parameter in Docker's words. */
export function validateRestartPolicy(policy: RestartPolicy | null | undefined): void {
  const { Name = '', MaximumRetryCount = 0 } = policy ?? {};
  switch (Name) {
    case '':
      return;
    case 'no':
    case 'always':
    case 'unless-stopped': {
      if (MaximumRetryCount === 0) return;
      const negative = MaximumRetryCount < 0 ? ' and cannot be negative' : '';
      throw invalidParameter(
        `invalid restart policy: maximum retry count can only be used with 'on-failure'${negative}`,
      );
    }
    case 'on-failure':
      if (MaximumRetryCount < 0)
        throw invalidParameter('invalid restart policy: maximum retry count cannot be negative');
      return;
    default:
      throw invalidParameter(
        `invalid restart policy: unknown policy '${String(Name)}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      );
  }
}
