/** What a container's cgroups are, as data: a plan carries it out. */
import type { Freezer } from './freezer.ts';

/** A value for a cgroup file, written whole with one write(2). */
export interface CgroupWrite {
  readonly path: string;
  readonly data: string;
  /** Why, in a few words for people. */
  readonly reason: string;
}

/** A mount as OCI writes it. */
export interface CgroupMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/** Everything about the cgroups of one container, for both cgroup versions. Paths are of the host. */
export interface CgroupLayout {
  /** Directories to make (mode 0755), in order. Their parents exist. */
  readonly directories: readonly string[];
  /** Limits, in an order that the kernel accepts, before any process joins. */
  readonly writes: readonly CgroupWrite[];
  /** Writes by which a process joins, done by itself. */
  readonly joins: readonly { readonly path: string; readonly data: string }[];
  /** A v2 directory that a process is born into (CLONE_INTO_CGROUP). */
  readonly cloneInto?: string;
  /** v2: a BPF_PROG_TYPE_CGROUP_DEVICE program (struct bpf_insn array) and where it is attached. */
  readonly deviceProgram?: { readonly cgroup: string; readonly program: Uint8Array };
  /**
   * Directories to remove when the last process has gone, in order; the first can kill every process (`cgroup.kill` on
   * v2).
   */
  readonly removals: readonly string[];
  readonly freezer: Freezer;
  /** A file with a line `oom_kill N`; empty where there is no memory controller. */
  readonly oomEvents: string;
  /** The v1 hierarchies or the v2 directory, by controller, for what `docker stats` reads. */
  readonly paths: Readonly<Record<string, string>>;
  /** What stands for an OCI mount of type `cgroup`; its destination and options are kept. */
  readonly containerMounts: (mount: CgroupMount) => readonly CgroupMount[];
}
