/** What a plan is compiled from. */
import type { CgroupLayout } from '../../linux/cgroup/layout.ts';
import type { OciConfig, OciProcess } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import type { RootSource } from './root.ts';

export interface CompileInput {
  /** 64 hex digits. */
  readonly id: string;
  readonly config: OciConfig;
  readonly root: RootSource;
  /** Roots beside it, from which something is bound; mounted as long as it is. */
  readonly images?: readonly RootSource[];
  readonly cgroup: CgroupLayout;
  /** An assembled filter (struct sock_filter array); null runs unconfined. */
  readonly seccompProgram: Uint8Array | null;
  /** Mounts that stand on the host while the container runs, where other containers can bind them from. */
  readonly hostMounts?: readonly HostMount[];
  /** Interfaces other than loopback, for a network namespace of the container's own. */
  readonly network?: NetworkOperations;
  /** oom_score_adj that the shim begins with; 0 unless the engine itself runs with another. */
  readonly inheritedOomScoreAdj?: number;
  /** The kernel has /proc/kcore (CONFIG_PROC_KCORE); without it /dev/core would lead nowhere. */
  readonly hasKcore?: boolean;
}

/** What connects a container's network namespace with others, in the sections of its plan. */
export interface NetworkOperations {
  readonly prepare: readonly Operation[];
  /** Executed while the init sets itself up: its network namespace is there. */
  readonly host: readonly Operation[];
  /** Executed by the init after `host`, in its network namespace, with the host's files still in reach. */
  readonly init: readonly Operation[];
  readonly release: readonly Operation[];
  /** Part of the release, too, but nobody waits for it: the container counts as released before. */
  readonly afterwards: readonly Operation[];
}

/** A file system mounted at a host path, which is made if it is not there. */
export interface HostMount {
  readonly target: string;
  readonly type: string;
  readonly source: string;
  readonly data: string;
}

export interface CompileExecInput {
  /** The container's. */
  readonly id: string;
  /** The container's, for its namespaces. */
  readonly config: OciConfig;
  readonly process: OciProcess;
  readonly cgroup: CgroupLayout;
  readonly seccompProgram: Uint8Array | null;
  readonly inheritedOomScoreAdj?: number;
}
