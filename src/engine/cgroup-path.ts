import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { cgroupPath } from './spec/build.ts';

/** Of a container's cgroup, below each hierarchy's root: `/caisson/ID`. */
export const cgroupPathOf = ({ settings }: EngineContext, { id, record }: Container): string =>
  cgroupPath(record.hostConfig, settings.cgroupParent, id);
