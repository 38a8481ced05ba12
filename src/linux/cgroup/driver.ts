import type { CgroupLayout, CgroupWrite } from './layout.ts';
import type { CgroupMetrics } from './metrics.ts';
import type { CgroupResources } from './resources.ts';

/**
 * One way of having cgroups on a host. Implementations decide and prepare parents; nothing of a container is made or
 * joined here: its plan does that.
 */
export interface CgroupDriver {
  readonly version: 1 | 2;
  /** Whether swap can be limited. */
  readonly swapLimit: boolean;
  /** Controllers that limits can be set with: `memory`, `cpu`, `cpuset`, `pids`, `io` (v1: `blkio`) … */
  readonly controllers: readonly string[];
  /**
   * The layout of a cgroup path such as `/caisson/ID`, below each hierarchy's root. The parent directory is made, and
   * its controllers enabled, if it is missing; that is the only effect. Limits that the host cannot have are left out,
   * as Docker does after its warnings. Throws invalid-parameter for resources that contradict themselves, system for a
   * parent that cannot be made.
   */
  layout(path: string, resources: CgroupResources): CgroupLayout;
  /**
   * The writes that give a cgroup that has processes other limits, in an order that the kernel accepts; devices stay as they are.
   * Throws as `layout` does.
   */
  limitWrites(path: string, limits: CgroupResources): CgroupWrite[];
  /** What the cgroup has used. Throws Node's error (ENOENT, ENODEV) when it is gone. */
  metrics(path: string): CgroupMetrics;
  /** Removes what `layout` has made above a cgroup path that no container uses any more, where nothing else is in it. */
  releaseParents(path: string): void;
  /** Removes the engine's own parent, and others that were made here, where nothing is in them any more. */
  release(): void;
}
