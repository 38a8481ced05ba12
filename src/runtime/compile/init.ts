/** The part of a launch that the container's first process carries out, from its birth to execve. */
import type { CgroupLayout } from '../../linux/cgroup/layout.ts';
import { mountFlag, propagationFlag } from '../../linux/mount-flags.ts';
import { invalidParameter } from '../../errors.ts';
import { encodeNetlink, netlinkFamily } from '../../linux/netlink/message.ts';
import { loopbackUp } from '../../linux/netlink/route.ts';
import type { OciConfig, OciProcess } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import { compileDevices } from './devices.ts';
import type { CompileInput } from './input.ts';
import { initNamespaces, isRemapped, namespaceFlag, type Namespaces } from './namespaces.ts';
import { op } from './op.ts';
import { compilePrivileges, compileRlimits } from './privileges.ts';
import { rootPath } from './root.ts';
import { compileSysctls } from './sysctls.ts';

const loopback = op('netlink', 'the loopback interface is up', {
  family: netlinkFamily.route, messages: encodeNetlink([loopbackUp()]), links: [], linkOffsets: [], pidOffset: 0, optional: 0,
});

/** The init's part. Host paths work until pivotRoot; targets in the root are resolved inside it. */
export function compileInit(input: CompileInput, namespaces: Namespaces, mounts: readonly Operation[]): Operation[] {
  const { id, config, cgroup, seccompProgram } = input;
  const { process } = config;
  return [
    ...(namespaces.user.kind === 'new' ? [op('sync', 'its ids are mapped from outside', {})] : joinCgroups(cgroup)),
    ...ownOomScore(input, namespaces, process),
    // Here the limits may still be raised; with a new user namespace the shim sets them from outside.
    ...(namespaces.user.kind === 'join' ? compileRlimits(process) : []),
    ...enterNamespaces(namespaces, openRoot(input, namespaces)),
    op('sessionKeyring', "none of the engine's keys", { value: `_ses.${id}` }),
    op('setsid', 'a session of its own', {}),
    ...mounts,
    ...compileDevices(config, isRemapped(namespaces), input.hasKcore === true),
    ...(process.cwd === '/'
      ? []
      : [
          op('mkdirIn', 'its working directory, if the image does not have it', {
            path: process.cwd,
            mode: 0o755,
            uid: 0,
            gid: 0,
          }),
        ]),
    ...(process.terminal === true ? [terminal(process, true)] : []),
    ...connect(input, namespaces),
    ...compileSysctls(config, namespaces),
    ...protectPaths(config),
    op('pivotRoot', "from here on the host's files are out of reach", {}),
    ...compileNames(config, namespaces),
    ...(namespaces.network.kind === 'new' ? [loopback] : []),
    ...(isRemapped(namespaces) ? [] : compileRlimits(process)),
    ...(process.terminal === true ? [] : [stdio(process)]),
    ...compilePrivileges(process, seccompProgram),
  ];
}

/** Before sysctls and read-only paths: both are about these interfaces too. With a new user namespace `sync` has been first of all. */
function connect({ network }: CompileInput, namespaces: Namespaces): Operation[] {
  if (network === undefined || network.init.length === 0) return [];
  // Its network namespace is made by the init itself, later than the host's part could begin.
  if (namespaces.user.kind === 'join') {
    throw invalidParameter('a container with the user namespace of another cannot be connected to a network: use --network none or container:ID');
  }
  const sync = namespaces.user.kind === 'new' ? [] : [op('sync', 'its interfaces come from outside', {})];
  return [...sync, ...network.init];
}

export const joinCgroups = (cgroup: CgroupLayout): Operation[] =>
  cgroup.joins.map(({ path }) => op('joinCgroup', 'its limits hold from here on', { path }));

/**
 * Namespaces, and `root` opened in them. In a user namespace the process becomes its root before it makes anything: ids
 * that are not mapped can own no file. But not before it has opened the container's root: the directories above that
 * let only the host's root pass, which it is until then.
 */
function enterNamespaces(namespaces: Namespaces, root: readonly Operation[]): Operation[] {
  const becomeRoot = op('setuser', 'root of its user namespace', { uid: 0, gid: 0, groups: [], setgroups: 1 });
  switch (namespaces.user.kind) {
    case 'host':
      return [...initNamespaces(namespaces), ...root];
    case 'new':
      return [...root, becomeRoot, ...initNamespaces(namespaces)];
    case 'join': {
      // What clone makes belongs to the host's user namespace: here they are made after that of the container is
      // joined.
      const later = (['mount', 'uts', 'ipc', 'network'] as const).filter((type) => namespaces[type].kind === 'new');
      const flags = later.reduce((sum, type) => sum | namespaceFlag(type), 0n);
      const joins = initNamespaces({
        ...namespaces,
        cgroup: namespaces.cgroup.kind === 'new' ? { kind: 'host' } : namespaces.cgroup,
      });
      const cgroup = namespaces.cgroup.kind === 'new' ? namespaceFlag('cgroup') : 0n;
      return [
        ...joins,
        op('unshare', 'namespaces of its own, owned by that user namespace', { flags: flags | cgroup }),
        ...root,
        becomeRoot,
      ];
    }
  }
}

function openRoot({ config, root }: CompileInput, namespaces: Namespaces): Operation[] {
  const { MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE } = mountFlag;
  const asked = propagationFlag(config.linux.rootfsPropagation ?? 'rslave') ?? MS_SLAVE | MS_REC;
  const shared = (asked & MS_SHARED) !== 0;
  const path = rootPath(root);
  const isolate = shared
    ? // Binds that propagate back need the host's mounts as they are; only the root's own mount must not be seen outside.
      op('setPropagation', "the root's mounts stay out of the host's view", {
        path,
        propagation: BigInt(MS_PRIVATE),
        recursive: 0,
      })
    : op('setPropagation', 'nothing it mounts shows on the host', {
        path: '/',
        propagation: BigInt(asked & ~MS_REC),
        recursive: (asked & MS_REC) === 0 ? 0 : 1,
      });
  // A mount that came with a user namespace is locked, a directory is none, a shared parent is refused: pivot_root
  // needs its own.
  const bind = isRemapped(namespaces) || shared || root.kind === 'directory' ? 1 : 0;
  return [isolate, op('openRoot', 'everything below is resolved inside it', { path, bind })];
}

/** chown(2): the group stays as it is. A terminal's is `tty` (devpts gid=5), and runc does not change it either. */
const keepGroup = 0xffffffff;

export function terminal({ consoleSize, user }: OciProcess, console: boolean): Operation {
  return op('terminal', "a terminal of the container's own", {
    columns: consoleSize?.width ?? 0,
    rows: consoleSize?.height ?? 0,
    uid: user.uid,
    gid: keepGroup,
    console: console ? 1 : 0,
  });
}

export const stdio = ({ user }: OciProcess): Operation =>
  op('stdio', 'its input and output', { uid: user.uid, gid: keepGroup });

function protectPaths({ root, linux }: OciConfig): Operation[] {
  return [
    ...(linux.readonlyPaths?.length
      ? [op('readonlyPaths', 'settings of the whole machine', { paths: linux.readonlyPaths })]
      : []),
    ...(linux.maskedPaths?.length
      ? [op('maskPaths', 'what tells about, or reaches, the machine', { paths: linux.maskedPaths })]
      : []),
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
function ownOomScore(
  input: { inheritedOomScoreAdj?: number },
  namespaces: Namespaces,
  process: OciProcess,
): Operation[] {
  const score = process.oomScoreAdj ?? 0;
  if (namespaces.user.kind === 'new' || score === (input.inheritedOomScoreAdj ?? 0)) return [];
  return [
    op('writeFile', 'how soon it goes when memory is short', {
      path: '/proc/self/oom_score_adj',
      data: String(score),
      create: 0,
      mode: 0,
    }),
  ];
}
