/**
 * The operations of a plan: the one definition from which the binary encoding (`encode.ts`), the C header
 * (`native/plan_operations.h`, generated) and the pages people read are made.
 *
 * A plan has four sections, executed by two processes:
 *
 *   shim                                    first process of the container
 *   ----                                    ------------------------------
 *   prepare: cgroup directories, overlay
 *   clone ───────────────────────────────►  init: join cgroups, mounts, pivotRoot, privileges …
 *   host: id maps, interfaces ───────────►  `sync` (where the init waits for the host section)
 *                                           … execve
 *   (waits for the exit)
 *   release: unmount, remove cgroups
 *
 * For `docker exec` the section `prepare` is empty or joins the target's pid namespace, and `release` is empty.
 * Field kinds: `u32 i32 u64` little-endian scalars, `string` (no NUL inside), `strings`, `bytes`, `u32s`.
 */
export type FieldKind = 'u32' | 'i32' | 'u64' | 'string' | 'strings' | 'bytes' | 'u32s';

interface FieldTypes {
  u32: number;
  i32: number;
  u64: bigint;
  string: string;
  strings: readonly string[];
  bytes: Uint8Array;
  u32s: readonly number[];
}

interface OperationDefinition {
  /** The number on the wire; never reused. */
  readonly code: number;
  /** Not `name` nor `reason`: every operation has those itself. */
  readonly fields: Readonly<Record<string, FieldKind>>;
}

export const operations = {
  // ---- files and directories of the host (any section before pivotRoot; release) -------------------------------------
  /** mkdir(2) at a host path; an existing directory is right. */
  mkdir: { code: 1, fields: { path: 'string', mode: 'u32' } },
  /** rmdir(2) at a host path; a missing one is right; EBUSY is retried while the last task of a cgroup is leaving it. */
  rmdir: { code: 2, fields: { path: 'string' } },
  /** open(2) with O_WRONLY, one write(2), close(2). `create` adds O_CREAT|O_TRUNC with `mode`. */
  writeFile: { code: 3, fields: { path: 'string', data: 'string', create: 'u32', mode: 'u32' } },
  /** mount(2) on host paths, from working directory `cwd` (keeps overlay options short). */
  mount: { code: 4, fields: { cwd: 'string', source: 'string', target: 'string', type: 'string', flags: 'u64', data: 'string' } },
  /** umount2(2) of a host path; not mounted (EINVAL) or missing is right. */
  unmount: { code: 5, fields: { path: 'string', flags: 'u32' } },
  /** mount_setattr(2) propagation (MS_PRIVATE, MS_SLAVE …) of a host path, recursively if asked. */
  setPropagation: { code: 6, fields: { path: 'string', propagation: 'u64', recursive: 'u32' } },
  /** Writes `/proc/PID/<file>` of the new process: uid_map, gid_map, setgroups, oom_score_adj. Host section only. */
  writeProcess: { code: 7, fields: { file: 'string', data: 'string' } },
  /** Kills every process of the cgroup (v2 `cgroup.kill`, v1 SIGKILL to `cgroup.procs` until empty). Release only. */
  killCgroup: { code: 8, fields: { path: 'string' } },
  /** Loads a BPF_PROG_TYPE_CGROUP_DEVICE program (struct bpf_insn array) and attaches it to a v2 cgroup. */
  deviceFilter: { code: 9, fields: { cgroup: 'string', program: 'bytes' } },

  // ---- mounts prepared on the host's side and handed to the init by slot (0..255) -----------------------------------
  /** Makes a user namespace with these maps (lines as in uid_map) and keeps its descriptor in `slot`. */
  makeUserNamespace: { code: 10, fields: { slot: 'u32', uidMap: 'string', gidMap: 'string' } },
  /**
   * open_tree(2) OPEN_TREE_CLONE of a host path into `slot`; `recursive` clones submounts; `idmap` >= 0 names the slot of a
   * user namespace to present it through (mount_setattr MOUNT_ATTR_IDMAP).
   */
  openTree: { code: 11, fields: { slot: 'u32', path: 'string', recursive: 'u32', idmap: 'i32' } },
  /** The same of a path inside a directory, links followed; EXDEV when it, or a link on the way, leads out. */
  openTreeBeneath: { code: 15, fields: { slot: 'u32', directory: 'string', path: 'string', recursive: 'u32', idmap: 'i32' } },
  /** move_mount(2) of the tree in `slot` onto a host path. */
  attachTree: { code: 12, fields: { slot: 'u32', target: 'string' } },

  /**
   * Joins the cgroup whose `tasks` (v1) or `cgroup.procs` (v2) file this is. In `init`, the process writes "0" itself: a thread
   * that moves itself takes no global lock. In `prepare`, the shim opens the file and the new process writes "0" before its
   * first operation: for user namespaces, where only the opener has the right to (cgroup checks `f_cred` since 5.16).
   */
  joinCgroup: { code: 13, fields: { path: 'string' } },

  /**
   * What is left of `release` may take long, and nobody has to wait for it: the shim first says that it has released the container.
   * Release only.
   */
  released: { code: 14, fields: {} },

  // ---- namespaces and processes -------------------------------------------------------------------------------------
  /** clone3(2) with these CLONE_NEW* flags; `cgroup`, if not empty, is a v2 directory for CLONE_INTO_CGROUP. Begins `init`. */
  clone: { code: 20, fields: { flags: 'u64', cgroup: 'string' } },
  /** setns(2) to the namespace file at a host path. `type` is its CLONE_NEW* flag. A pid or time namespace applies to children. */
  setns: { code: 21, fields: { path: 'string', type: 'u64' } },
  /** setns(2) on the pidfd of the container's first process, for exec: joins all of `flags` in one call. */
  enter: { code: 22, fields: { flags: 'u64' } },
  /** unshare(2). */
  unshare: { code: 23, fields: { flags: 'u64' } },
  /** The init waits until the host section has been executed, which begins as soon as the init exists. */
  sync: { code: 24, fields: {} },
  /**
   * Sends the messages to a netlink socket of `family` (NETLINK_*) in the network namespace of the moment, each with its
   * acknowledgement, or as one batch where they are framed as one (nfnetlink). Before that the index of the interface `links[i]` is
   * written at `linkOffsets[i]` of the messages, and, in the host section, the new process's pid at `pidOffset` (0: nowhere).
   * `optional`: what is refused is left so; for release, where others may have removed it.
   */
  netlink: {
    code: 25,
    fields: { family: 'u32', messages: 'bytes', links: 'strings', linkOffsets: 'u32s', pidOffset: 'u32', optional: 'u32' },
  },
  /**
   * The same, of rtnetlink, in the container's network namespace when its first process has ended: the name service keeps that. What is refused
   * is left so, and where there is no name service, nothing is done: the namespace goes, and its interfaces with it. Release only.
   */
  netlinkInside: { code: 46, fields: { messages: 'bytes', links: 'strings', linkOffsets: 'u32s' } },
  /**
   * A name service for the container: UDP and TCP at `address` (IPv4, four bytes) and a port that is free in its network namespace, which
   * is the new process's in the host section, otherwise that of the moment; with the flag `last`, UDP at one more for each of `servers`. `messages`,
   * if any, then go to a NETLINK_NETFILTER socket there, with the ports (big-endian) written at `portOffsets`, in this order, that of UDP and TCP
   * for each; the socket stays open, because a table may belong to it. Where there is
   * one already, only what follows is new: `tables`, files of names (network/dns/table.ts); for the container alone, `linkNames[i]` stands for
   * `linkTargets[i]` in the table with the number `linkTables[i]`; `servers` for other names (network/dns/service-operation.ts); `search`, the
   * domains below which the container looks names up, for when there is no server; `flags` of `nameFlag`.
   */
  nameService: {
    code: 28,
    fields: {
      address: 'bytes', messages: 'bytes', portOffsets: 'u32s', tables: 'strings', linkNames: 'strings', linkTargets: 'strings', linkTables: 'u32s',
      servers: 'bytes', search: 'strings', flags: 'u32',
    },
  },
  /** setsid(2). */
  setsid: { code: 26, fields: {} },
  /** keyctl(KEYCTL_JOIN_SESSION_KEYRING); ENOSYS and EPERM are right (the kernel or a filter may not have it). */
  sessionKeyring: { code: 27, fields: { value: 'string' } },

  /**
   * Binds a socket of `protocol` (IPPROTO_*) to an address of the host (4 bytes, or 16 for IPv6 alone) and a port, in prepare; the shim keeps it
   * until it has executed `release`, so that nobody else takes the port. EADDRINUSE when somebody has. What the packet filter does not lead
   * away is relayed to `relayPort` of `relayAddress` (4 or 16 bytes; of IPv6 addresses alone), or, when that is empty, refused.
   */
  bindPort: { code: 29, fields: { protocol: 'u32', address: 'bytes', port: 'u32', relayAddress: 'bytes', relayPort: 'u32' } },
  /** Gives such a port back before the container's end. One that is not bound is right. */
  releasePort: { code: 45, fields: { protocol: 'u32', address: 'bytes', port: 'u32' } },

  // ---- the container's root (init section); targets are resolved with openat2(RESOLVE_IN_ROOT) ----------------------
  /** Opens the root directory. `bind` first clones the mount over itself, so that pivot_root has a mount of its own. */
  openRoot: { code: 30, fields: { path: 'string', bind: 'u32' } },
  /**
   * A mount inside the root. `type` is a file system (fsopen(2) with `options`, each `key=value` or `flag`), or `bind`
   * (open_tree of host path `source`), or `slot` (the tree in `slot`). `flags`: see `mountInFlag`. `attributes`: MOUNT_ATTR_*.
   * `propagation`: MS_* or 0. EXDEV: something inside the container's /proc would be covered, or /proc itself by another
   * file system. A missing target is created: a directory, or for a non-directory bind a file.
   */
  mountIn: {
    code: 31,
    fields: {
      type: 'string', source: 'string', slot: 'i32', target: 'string', attributes: 'u64', options: 'strings',
      propagation: 'u64', flags: 'u32',
    },
  },
  /** Hides each path that exists: a directory under an empty read-only tmpfs, a file under /dev/null (checked to be 1:3). */
  maskPaths: { code: 32, fields: { paths: 'strings' } },
  /** Makes each path that exists read-only, with its submounts. */
  readonlyPaths: { code: 33, fields: { paths: 'strings' } },
  /** mkdir inside the root with parents; existing is right. uid and gid are of the container. */
  mkdirIn: { code: 34, fields: { path: 'string', mode: 'u32', uid: 'u32', gid: 'u32' } },
  /** symlink inside the root; existing is right. */
  symlinkIn: { code: 35, fields: { path: 'string', to: 'string' } },
  /** mknod inside the root; `mode` includes S_IFCHR/S_IFBLK/S_IFIFO. */
  mknodIn: { code: 36, fields: { path: 'string', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32' } },
  /** Makes the root mount itself read-only. */
  readonlyRoot: { code: 37, fields: {} },
  /** pivot_root(2) into the root and detaches the old one. After it, host paths are gone. */
  pivotRoot: { code: 38, fields: {} },
  /** Copies what the image has below `source` in the root into the tree in `slot`, if that tree is empty (volume copy-up). */
  copyUp: { code: 39, fields: { source: 'string', slot: 'u32' } },

  // ---- stdio ----------------------------------------------------------------------------------------------------------
  /** Puts the pipes that the shim made on 0, 1, 2, owned by uid:gid so that /dev/stdout can be opened again. */
  stdio: { code: 40, fields: { uid: 'u32', gid: 'u32' } },
  /**
   * Opens a pseudo terminal of the devpts now in view, hands its master to the shim, makes it the controlling terminal and
   * 0, 1, 2. `console` binds it on /dev/console as well (before pivotRoot).
   */
  terminal: { code: 41, fields: { columns: 'u32', rows: 'u32', uid: 'u32', gid: 'u32', console: 'u32' } },

  // ---- identity and privileges ----------------------------------------------------------------------------------------
  sethostname: { code: 50, fields: { value: 'string' } },
  setdomainname: { code: 51, fields: { value: 'string' } },
  /** prlimit(2), in the host section of the new process; RLIM_INFINITY is 2^64-1. */
  setrlimit: { code: 52, fields: { resource: 'u32', soft: 'u64', hard: 'u64' } },
  umask: { code: 53, fields: { mask: 'u32' } },
  /** Drops every capability not in `keep` from the bounding set. */
  boundCapabilities: { code: 54, fields: { keep: 'u64' } },
  /** PR_SET_KEEPCAPS, setgroups (when `setgroups`), setresgid, setresuid. */
  setuser: { code: 55, fields: { uid: 'u32', gid: 'u32', groups: 'u32s', setgroups: 'u32' } },
  /** capset(2), then PR_CAP_AMBIENT_RAISE for each ambient one. */
  setCapabilities: { code: 56, fields: { effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' } },
  noNewPrivileges: { code: 57, fields: {} },
  /** seccomp(SECCOMP_SET_MODE_FILTER) with a struct sock_filter array. `flags`: SECCOMP_FILTER_FLAG_*. */
  seccomp: { code: 58, fields: { program: 'bytes', flags: 'u32' } },
  /** chdir(2), after the user has been set, so that the kernel checks that user's right to it. */
  chdir: { code: 59, fields: { path: 'string' } },
  /** sched/personality(2). */
  personality: { code: 60, fields: { persona: 'u64' } },
  /**
   * Closes all but 0, 1, 2 on exec, resets signals, and tries execve(2) on each of `candidates` (full paths, in PATH order).
   * Fails with EACCES if one was found but not allowed, with the last other error, or with ENOENT.
   */
  execve: { code: 61, fields: { candidates: 'strings', argv: 'strings', envp: 'strings' } },
} as const satisfies Record<string, OperationDefinition>;

/** Bits of `mountIn.flags`. */
export const mountInFlag = {
  /** Clone the submounts of a bind source too. */
  recursive: 1,
  /** Apply `attributes` to submounts too (mount_setattr AT_RECURSIVE). */
  attributesRecursive: 2,
  /** A missing bind source, or a file system that the kernel does not have, is left out silently. */
  optional: 4,
  /** The target must exist as a directory or is created as one even for a file system without a root directory check. */
  copyTargetMode: 8,
} as const;

/** Bits of `nameService.flags`. */
export const nameFlag = {
  /** The user wants names without a dot to be looked up below a search domain alone. */
  ndotsSet: 1,
  /** Servers on the host may be asked: the container reaches the outside. */
  outside: 2,
  /** Queries to `servers` are led here: those are asked first, and the tables for what they do not have. */
  last: 4,
} as const;

export type OperationName = keyof typeof operations;
export type OperationFields<N extends OperationName> = {
  -readonly [K in keyof (typeof operations)[N]['fields']]: FieldTypes[(typeof operations)[N]['fields'][K] & FieldKind];
};

/** One operation of a plan, with the reason why it is there, in a few words for people. */
export type Operation = { [N in OperationName]: { readonly name: N; readonly reason: string } & OperationFields<N> }[OperationName];

/** A whole launch, or a whole exec. */
export interface Plan {
  readonly prepare: readonly Operation[];
  readonly clone: Extract<Operation, { name: 'clone' }>;
  readonly init: readonly Operation[];
  readonly host: readonly Operation[];
  readonly release: readonly Operation[];
}
