/**
 * Compiles an OCI runtime configuration into a plan. Pure: everything that depends on the host comes in as data.
 *
 * The order of operations is a security matter; it follows runc's (libcontainer standard_init_linux.go,
 * rootfs_linux.go, setns_init_linux.go) except where a comment says why not.
 */
import type { CgroupLayout } from '../linux/cgroup/layout.ts';
import { compileInit, joinCgroups, stdio, terminal } from './compile/init.ts';
import type { CompileExecInput, CompileInput, HostMount } from './compile/input.ts';
import { compileMounts, Slots } from './compile/mounts.ts';
import {
  cloneFlags,
  idMapLines,
  isRemapped,
  namespaceFlag,
  namespacesOf,
  prepareNamespaces,
  type Namespaces,
  type NamespaceUse,
} from './compile/namespaces.ts';
import { MNT_DETACH, op } from './compile/op.ts';
import { compilePrivileges, compileRlimits } from './compile/privileges.ts';
import { prepareRoot, releaseRoot, rootPath } from './compile/root.ts';
import type { OciNamespaceType } from './oci.ts';
import type { Operation, Plan } from './plan/operations.ts';

export type { CompileExecInput, CompileInput, HostMount, NetworkOperations } from './compile/input.ts';
export { rootPath, type RootSource } from './compile/root.ts';

/**
 * The whole launch of a container. Throws invalid-parameter for a configuration that names something the kernel does
 * not have.
 */
export function compileContainer(input: CompileInput): Plan {
  const { config, root, cgroup } = input;
  const namespaces = namespacesOf(config);
  const slots = new Slots();
  const userNamespaceSlot = isRemapped(namespaces) ? slots.take() : undefined;
  const layersSlot = userNamespaceSlot === undefined ? -1 : slots.take();
  const images = (input.images ?? []).flatMap((image) => prepareRoot(image, userNamespaceSlot, userNamespaceSlot === undefined ? -1 : slots.take()));
  const mounts = compileMounts(config.mounts, {
    userNamespaceSlot,
    slots,
    scratch: rootPath(root),
    mountedByShim: mountedByShim(namespaces),
    cgroupMounts: cgroup.containerMounts,
  });
  return {
    prepare: [
      ...cgroup.directories.map((path) =>
        op('mkdir', 'a group of its own, to limit and to measure', { path, mode: 0o755 }),
      ),
      ...cgroup.writes.map(({ path, data, reason }) => op('writeFile', reason, { path, data, create: 0, mode: 0 })),
      ...deviceFilter(cgroup),
      ...prepareNamespaces(config, namespaces),
      ...(userNamespaceSlot === undefined
        ? []
        : [
            op('makeUserNamespace', 'the ids that files are shown with', {
              slot: userNamespaceSlot,
              uidMap: idMapLines(config.linux.uidMappings),
              gidMap: idMapLines(config.linux.gidMappings),
            }),
          ]),
      // From inside a new user namespace it could not join: the shim opens the files for it.
      ...(namespaces.user.kind === 'new' ? joinCgroups(cgroup) : []),
      ...(input.hostMounts ?? []).flatMap(hostMount),
      ...(input.network?.prepare ?? []),
      ...images,
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
  return {
    name: 'clone',
    reason: "the container's first process, in namespaces of its own",
    flags,
    cgroup: cgroup.cloneInto ?? '',
  };
}

const hostMount = ({ target, type, source, data }: HostMount): Operation[] => [
  op('mkdir', 'a place that other containers can bind from', { path: target, mode: 0o700 }),
  op('mount', 'shared with the containers that join its namespace', {
    cwd: '/',
    source,
    target,
    type,
    flags: 0n,
    data,
  }),
];

const deviceFilter = ({ deviceProgram }: CgroupLayout): Operation[] =>
  deviceProgram === undefined ? [] : [op('deviceFilter', 'only the devices it is given', deviceProgram)];

/** A user namespace may only mount sysfs and mqueue of a network or ipc namespace that is its own. */
function mountedByShim({ user, network, ipc }: Namespaces): ReadonlySet<string> {
  if (user.kind === 'host') return new Set();
  // One that is joined together with its user namespace belongs to that.
  const isForeign = ({ kind }: NamespaceUse) => kind === 'host' || (kind === 'join' && user.kind === 'new');
  return new Set([...(isForeign(network) ? ['sysfs'] : []), ...(isForeign(ipc) ? ['mqueue'] : [])]);
}

/** What only a process outside of the new namespaces may do to the one inside. */
function compileHost(input: CompileInput, namespaces: Namespaces): Operation[] {
  return [...(namespaces.user.kind === 'new' ? mapUsers(input) : []), ...(input.network?.host ?? [])];
}

function mapUsers(input: CompileInput): Operation[] {
  const { linux, process } = input.config;
  const score = process.oomScoreAdj ?? 0;
  return [
    op('writeProcess', 'users of the container, and who they are on the host', {
      file: 'uid_map',
      data: idMapLines(linux.uidMappings),
    }),
    op('writeProcess', 'groups of the container, and who they are on the host', {
      file: 'gid_map',
      data: idMapLines(linux.gidMappings),
    }),
    ...compileRlimits(process),
    ...(score === (input.inheritedOomScoreAdj ?? 0)
      ? []
      : [op('writeProcess', 'how soon it goes when memory is short', { file: 'oom_score_adj', data: String(score) })]),
  ];
}

/** Executed when the process has ended, and after a launch that failed at any point. */
function compileRelease({ root, images = [], cgroup, network, hostMounts = [] }: CompileInput, namespaces: Namespaces): Operation[] {
  // The end of a pid namespace's first process ends all others; a shared one lives on, and so would they.
  const shared = namespaces.pid.kind !== 'new' && cgroup.directories.length > 0;
  const afterwards = network?.afterwards ?? [];
  return [
    ...(shared ? [op('killCgroup', 'its processes end with it', { path: cgroup.removals[0] ?? '' })] : []),
    ...(network?.release ?? []),
    ...[root, ...images].flatMap((each) => releaseRoot(each, isRemapped(namespaces))),
    ...hostMounts.map(({ target }) =>
      op('unmount', 'nobody is to join it any more', { path: target, flags: MNT_DETACH }),
    ),
    ...cgroup.removals.map((path) => op('rmdir', 'nothing is left of it', { path })),
    ...(afterwards.length === 0 ? [] : [op('released', 'what follows may take its time', {}), ...afterwards]),
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
    prepare:
      namespaces.pid.kind === 'host'
        ? []
        : [op('enter', 'its children are born in the container', { flags: namespaceFlag('pid') })],
    clone: { ...clone(0n, cgroup), reason: 'a further process of the container' },
    init: [
      ...joinCgroups(cgroup),
      ...(score === (input.inheritedOomScoreAdj ?? 0)
        ? []
        : [
            op('writeFile', 'how soon it goes when memory is short', {
              path: '/proc/self/oom_score_adj',
              data: String(score),
              create: 0,
              mode: 0,
            }),
          ]),
      ...compileRlimits(process),
      op('enter', 'sees what the container sees', { flags: entered }),
      ...(isRemapped(namespaces)
        ? [op('setuser', "root of the container's user namespace", { uid: 0, gid: 0, groups: [], setgroups: 1 })]
        : []),
      op('sessionKeyring', "the container's keys", { value: `_ses.${id}` }),
      op('setsid', 'a session of its own', {}),
      process.terminal === true ? terminal(process, false) : stdio(process),
      ...compilePrivileges(process, seccompProgram),
    ],
    host: [],
    release: [],
  };
}
