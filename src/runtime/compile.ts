/**
 * Compiles an OCI runtime configuration into a plan. Pure: everything that depends on the host comes in as data.
 *
 * The order of operations is a security matter; it follows runc's (libcontainer standard_init_linux.go, rootfs_linux.go,
 * setns_init_linux.go) except where a comment says why not.
 */
import type { CgroupLayout } from '../linux/cgroup/layout.ts';
import { mountFlag, propagationFlag } from '../linux/mount-flags.ts';
import { encodeNetlink, loopbackUp } from '../linux/netlink.ts';
import { compileDevices } from './compile/devices.ts';
import { compileMounts, Slots } from './compile/mounts.ts';
import {
  cloneFlags, idMapLines, initNamespaces, isRemapped, namespaceFlag, namespacesOf, prepareNamespaces, type Namespaces,
} from './compile/namespaces.ts';
import { MNT_DETACH, op } from './compile/op.ts';
import { compilePrivileges, compileRlimits } from './compile/privileges.ts';
import { prepareRoot, releaseRoot, rootPath, type RootSource } from './compile/root.ts';
import { compileSysctls } from './compile/sysctls.ts';
import type { OciConfig, OciNamespaceType, OciProcess } from './oci.ts';
import type { Operation, Plan } from './plan/operations.ts';

export type { RootSource } from './compile/root.ts';

const loopbackMessages = encodeNetlink([loopbackUp()]);

export interface CompileInput {
  /** 64 hex digits. */
  readonly id: string;
  readonly config: OciConfig;
  readonly root: RootSource;
  readonly cgroup: CgroupLayout;
  /** An assembled filter (struct sock_filter array); null runs unconfined. */
  readonly seccompProgram: Uint8Array | null;
  /** Mounts that stand on the host while the container runs, where other containers can bind them from. */
  readonly hostMounts?: readonly HostMount[];
  /** oom_score_adj that the shim begins with; 0 unless the engine itself runs with another. */
  readonly inheritedOomScoreAdj?: number;
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

/** The whole launch of a container. Throws invalid-parameter for a configuration that names something the kernel does not have. */
export function compileContainer(input: CompileInput): Plan {
  const { config, root, cgroup } = input;
  const namespaces = namespacesOf(config);
  const slots = new Slots();
  const userNamespaceSlot = isRemapped(namespaces) ? slots.take() : undefined;
  const layersSlot = userNamespaceSlot === undefined ? -1 : slots.take();
  const mounts = compileMounts(config.mounts, {
    userNamespaceSlot, slots, scratch: rootPath(root), mountedByShim: mountedByShim(namespaces), cgroupMounts: cgroup.containerMounts,
  });
  return {
    prepare: [
      ...cgroup.directories.map((path) => op('mkdir', 'a group of its own, to limit and to measure', { path, mode: 0o755 })),
      ...cgroup.writes.map(({ path, data, reason }) => op('writeFile', reason, { path, data, create: 0, mode: 0 })),
      ...deviceFilter(cgroup),
      ...prepareNamespaces(config, namespaces),
      ...(userNamespaceSlot === undefined ? [] : [op('makeUserNamespace', 'the ids that files are shown with', {
        slot: userNamespaceSlot, uidMap: idMapLines(config.linux.uidMappings), gidMap: idMapLines(config.linux.gidMappings),
      })]),
      // From inside a new user namespace it could not join: the shim opens the files for it.
      ...(namespaces.user.kind === 'new' ? joinCgroups(cgroup) : []),
      ...(input.hostMounts ?? []).flatMap(hostMount),
      ...mounts.prepare,
      ...prepareRoot(root, userNamespaceSlot, layersSlot),
    ],
    clone: clone(cloneFlags(namespaces), cgroup),
    init: compileInit(input, namespaces, mounts.init),
    host: compileHost(input, namespaces),
    release: compileRelease(input, namespaces),
  };
}

function clone(flags: bigint, cgroup: CgroupLayout): Plan['clone'] {
  return { name: 'clone', reason: 'the container\'s first process, in namespaces of its own', flags, cgroup: cgroup.cloneInto ?? '' };
}

const hostMount = ({ target, type, source, data }: HostMount): Operation[] => [
  op('mkdir', 'a place that other containers can bind from', { path: target, mode: 0o700 }),
  op('mount', 'shared with the containers that join its namespace', { cwd: '/', source, target, type, flags: 0n, data }),
];

const deviceFilter = ({ deviceProgram }: CgroupLayout): Operation[] =>
  deviceProgram === undefined ? [] : [op('deviceFilter', 'only the devices it is given', deviceProgram)];

/** A user namespace may only mount sysfs and mqueue of a network or ipc namespace that is its own. */
function mountedByShim({ user, network, ipc }: Namespaces): ReadonlySet<string> {
  if (user.kind !== 'new') return new Set();
  return new Set([...(network.kind === 'join' ? ['sysfs'] : []), ...(ipc.kind === 'join' ? ['mqueue'] : [])]);
}

/** The init's part. Host paths work until pivotRoot; targets in the root are resolved inside it. */
function compileInit(input: CompileInput, namespaces: Namespaces, mounts: readonly Operation[]): Operation[] {
  const { id, config, cgroup, seccompProgram } = input;
  const { process } = config;
  return [
    ...(namespaces.user.kind === 'new' ? [op('sync', 'its ids are mapped from outside', {})] : joinCgroups(cgroup)),
    ...ownOomScore(input, namespaces, process),
    ...enterNamespaces(namespaces),
    op('sessionKeyring', 'none of the engine\'s keys', { value: `_ses.${id}` }),
    op('setsid', 'a session of its own', {}),
    ...openRoot(input, namespaces),
    ...mounts,
    ...compileDevices(config, isRemapped(namespaces)),
    ...(process.cwd === '/' ? [] : [op('mkdirIn', 'its working directory, if the image does not have it', {
      path: process.cwd, mode: 0o755, uid: 0, gid: 0,
    })]),
    ...(process.terminal === true ? [terminal(process, true)] : []),
    ...compileSysctls(config, namespaces),
    ...protectPaths(config),
    op('pivotRoot', 'from here on the host\'s files are out of reach', {}),
    ...compileNames(config, namespaces),
    ...(namespaces.network.kind === 'new' ? [op('netlink', 'the loopback interface is up', { messages: loopbackMessages })] : []),
    ...compileRlimits(process),
    ...(process.terminal === true ? [] : [stdio(process)]),
    ...compilePrivileges(process, seccompProgram),
  ];
}

const joinCgroups = (cgroup: CgroupLayout): Operation[] => cgroup.joins.map(({ path }) => op('joinCgroup', 'its limits hold from here on', { path }));

/** In a user namespace the process becomes its root at once: ids that are not mapped can own no file. */
function enterNamespaces(namespaces: Namespaces): Operation[] {
  const becomeRoot = op('setuser', 'root of its user namespace', { uid: 0, gid: 0, groups: [], setgroups: 1 });
  switch (namespaces.user.kind) {
    case 'host': return initNamespaces(namespaces);
    case 'new': return [becomeRoot, ...initNamespaces(namespaces)];
    case 'join': {
      // What clone makes belongs to the host's user namespace: here they are made after that of the container is joined.
      const later = (['mount', 'uts', 'ipc', 'network'] as const).filter((type) => namespaces[type].kind === 'new');
      const flags = later.reduce((sum, type) => sum | namespaceFlag(type), 0n);
      const joins = initNamespaces({ ...namespaces, cgroup: namespaces.cgroup.kind === 'new' ? { kind: 'host' } : namespaces.cgroup });
      const cgroup = namespaces.cgroup.kind === 'new' ? namespaceFlag('cgroup') : 0n;
      return [...joins, becomeRoot, op('unshare', 'namespaces of its own, owned by that user namespace', { flags: flags | cgroup })];
    }
  }
}

function openRoot({ config, root }: CompileInput, namespaces: Namespaces): Operation[] {
  const { MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE } = mountFlag;
  const asked = propagationFlag(config.linux.rootfsPropagation ?? 'rslave') ?? (MS_SLAVE | MS_REC);
  const shared = (asked & MS_SHARED) !== 0;
  const path = rootPath(root);
  const isolate = shared
    // Binds that propagate back need the host's mounts as they are; only the root's own mount must not be seen outside.
    ? op('setPropagation', 'the root\'s mounts stay out of the host\'s view', { path, propagation: BigInt(MS_PRIVATE), recursive: 0 })
    : op('setPropagation', 'nothing it mounts shows on the host', {
        path: '/', propagation: BigInt(asked & ~MS_REC), recursive: (asked & MS_REC) === 0 ? 0 : 1,
      });
  // A mount that came with a user namespace is locked, a directory is none, a shared parent is refused: pivot_root needs its own.
  const bind = isRemapped(namespaces) || shared || root.kind === 'directory' ? 1 : 0;
  return [isolate, op('openRoot', 'everything below is resolved inside it', { path, bind })];
}

/** chown(2): the group stays as it is. A terminal's is `tty` (devpts gid=5), and runc does not change it either. */
const keepGroup = 0xffffffff;

function terminal({ consoleSize, user }: OciProcess, console: boolean): Operation {
  return op('terminal', 'a terminal of the container\'s own', {
    columns: consoleSize?.width ?? 0, rows: consoleSize?.height ?? 0, uid: user.uid, gid: keepGroup, console: console ? 1 : 0,
  });
}

const stdio = ({ user }: OciProcess): Operation => op('stdio', 'its input and output', { uid: user.uid, gid: keepGroup });

function protectPaths({ root, linux }: OciConfig): Operation[] {
  return [
    ...(linux.readonlyPaths?.length ? [op('readonlyPaths', 'settings of the whole machine', { paths: linux.readonlyPaths })] : []),
    ...(linux.maskedPaths?.length ? [op('maskPaths', 'what tells about, or reaches, the machine', { paths: linux.maskedPaths })] : []),
    ...(root.readonly === true ? [op('readonlyRoot', 'as asked with --read-only', {})] : []),
  ];
}

/** Only in a uts namespace of its own: the host keeps its name. */
function compileNames({ hostname, domainname }: OciConfig, { uts }: Namespaces): Operation[] {
  if (uts.kind !== 'new') return [];
  return [
    ...(hostname ? [op('sethostname', 'a name of its own', { value: hostname })] : []),
    ...(domainname ? [op('setdomainname', 'as asked with --domainname', { value: domainname })] : []),
  ];
}

/** The init lowers or raises its own score; from a user namespace it may not lower it, so the shim does. */
function ownOomScore(input: { inheritedOomScoreAdj?: number }, namespaces: Namespaces, process: OciProcess): Operation[] {
  const score = process.oomScoreAdj ?? 0;
  if (namespaces.user.kind === 'new' || score === (input.inheritedOomScoreAdj ?? 0)) return [];
  return [op('writeFile', 'how soon it goes when memory is short', { path: '/proc/self/oom_score_adj', data: String(score), create: 0, mode: 0 })];
}

/** What only a process outside of the new user namespace may do to the one inside. */
function compileHost(input: CompileInput, namespaces: Namespaces): Operation[] {
  if (namespaces.user.kind !== 'new') return [];
  const { linux, process } = input.config;
  const score = process.oomScoreAdj ?? 0;
  return [
    op('writeProcess', 'users of the container, and who they are on the host', { file: 'uid_map', data: idMapLines(linux.uidMappings) }),
    op('writeProcess', 'groups of the container, and who they are on the host', { file: 'gid_map', data: idMapLines(linux.gidMappings) }),
    ...(score === (input.inheritedOomScoreAdj ?? 0) ? []
      : [op('writeProcess', 'how soon it goes when memory is short', { file: 'oom_score_adj', data: String(score) })]),
  ];
}

/** Executed when the process has ended, and after a launch that failed at any point. */
function compileRelease({ root, cgroup, hostMounts = [] }: CompileInput, namespaces: Namespaces): Operation[] {
  // The end of a pid namespace's first process ends all others; a shared one lives on, and so would they.
  const shared = namespaces.pid.kind !== 'new' && cgroup.directories.length > 0;
  return [
    ...(shared ? [op('killCgroup', 'its processes end with it', { path: cgroup.removals[0] ?? '' })] : []),
    ...releaseRoot(root, isRemapped(namespaces)),
    ...hostMounts.map(({ target }) => op('unmount', 'nobody is to join it any more', { path: target, flags: MNT_DETACH })),
    ...cgroup.removals.map((path) => op('rmdir', 'nothing is left of it', { path })),
  ];
}

/** A further process in a running container. */
export function compileExec(input: CompileExecInput): Plan {
  const { id, config, process, cgroup, seccompProgram } = input;
  const namespaces = namespacesOf(config);
  const entered = (['mount', 'uts', 'ipc', 'network', 'cgroup', 'time', 'user'] as const satisfies OciNamespaceType[])
    .filter((type) => namespaces[type].kind !== 'host')
    .reduce((flags, type) => flags | namespaceFlag(type), 0n);
  const score = process.oomScoreAdj ?? config.process.oomScoreAdj ?? 0;
  return {
    prepare: namespaces.pid.kind === 'host' ? [] : [op('enter', 'its children are born in the container', { flags: namespaceFlag('pid') })],
    clone: { ...clone(0n, cgroup), reason: 'a further process of the container' },
    init: [
      ...joinCgroups(cgroup),
      ...(score === (input.inheritedOomScoreAdj ?? 0) ? []
        : [op('writeFile', 'how soon it goes when memory is short', { path: '/proc/self/oom_score_adj', data: String(score), create: 0, mode: 0 })]),
      ...compileRlimits(process),
      op('enter', 'sees what the container sees', { flags: entered }),
      ...(isRemapped(namespaces) ? [op('setuser', 'root of the container\'s user namespace', { uid: 0, gid: 0, groups: [], setgroups: 1 })] : []),
      op('sessionKeyring', 'the container\'s keys', { value: `_ses.${id}` }),
      op('setsid', 'a session of its own', {}),
      process.terminal === true ? terminal(process, false) : stdio(process),
      ...compilePrivileges(process, seccompProgram),
    ],
    host: [],
    release: [],
  };
}
