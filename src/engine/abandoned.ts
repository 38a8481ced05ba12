/** What a shim leaves that was killed: mounts, cgroups, and perhaps processes that did not die with it. */
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { releaseSection } from './launch-request.ts';

/**
 * Does what the plan says about releasing, after every process of the cgroup has been killed: a command that is set-user-ID does not get
 * the signal that the death of a shim sends (prctl(2), PR_SET_PDEATHSIG). Never rejects: what cannot be released is logged.
 */
export async function releaseAbandoned(context: EngineContext, container: Container): Promise<void> {
  try {
    await context.launcher.release(container.id, releaseSection(context, container));
  } catch (error) {
    context.logger.warn('cannot release what a killed shim left', { container: container.id, error });
  }
}
