/** A container to compile in unit tests, and ways to look into its plan. */
import type { CgroupLayout } from '../../linux/cgroup/layout.ts';
import type { OciConfig, OciProcess } from '../oci.ts';
import type { Operation, OperationName } from '../plan/operations.ts';
import type { CompileInput } from './input.ts';
import type { RootSource } from './root.ts';

export const id = 'a'.repeat(64);
export const cgroup: CgroupLayout = {
  directories: ['/sys/fs/cgroup/memory/caisson/x', '/sys/fs/cgroup/pids/caisson/x'],
  writes: [
    {
      path: '/sys/fs/cgroup/memory/caisson/x/memory.limit_in_bytes',
      data: '67108864',
      reason: 'at most this much memory',
    },
  ],
  joins: [
    { path: '/sys/fs/cgroup/memory/caisson/x/tasks', data: '0' },
    { path: '/sys/fs/cgroup/pids/caisson/x/tasks', data: '0' },
  ],
  removals: ['/sys/fs/cgroup/memory/caisson/x', '/sys/fs/cgroup/pids/caisson/x'],
  freezer: { path: '', frozen: '', thawed: '', state: '', stopped: '' },
  oomEvents: '',
  paths: {},
  containerMounts: (mount) => [
    { ...mount, type: 'tmpfs', source: 'tmpfs' },
    {
      destination: `${mount.destination}/memory`,
      type: 'bind',
      source: '/sys/fs/cgroup/memory/caisson/x',
      options: ['bind', 'ro'],
    },
  ],
};
export const root: Extract<RootSource, { kind: 'overlay' }> = {
  kind: 'overlay',
  cwd: '/data/overlay2',
  lowerDirs: ['/data/overlay2/2/diff', '/data/overlay2/1/diff'],
  upperDir: '/data/overlay2/c/diff',
  workDir: '/data/overlay2/c/work',
  mergedDir: '/data/overlay2/c/merged',
  options: ['index=off'],
};
export const process: OciProcess = {
  user: { uid: 1000, gid: 1000, additionalGids: [1000, 27] },
  args: ['sh', '-c', 'true'],
  env: ['PATH=/usr/bin:/bin', 'HOME=/'],
  cwd: '/work',
  capabilities: {
    bounding: ['CAP_CHOWN'],
    effective: ['CAP_CHOWN'],
    permitted: ['CAP_CHOWN'],
    inheritable: [],
    ambient: [],
  },
};
export const base: OciConfig = {
  ociVersion: '1.2.0',
  root: { path: root.mergedDir },
  hostname: 'box',
  process,
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue' },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 'rro', 'rprivate'] },
  ],
  linux: {
    namespaces: [
      { type: 'mount' },
      { type: 'network' },
      { type: 'ipc' },
      { type: 'pid' },
      { type: 'uts' },
      { type: 'cgroup' },
    ],
    sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
  },
};

export const filter = new Uint8Array(16);
export const input = (
  linux: Partial<OciConfig['linux']> = {},
  changes: Partial<OciConfig> = {},
  rest: Partial<CompileInput> = {},
): CompileInput => ({
  id,
  root,
  cgroup,
  seccompProgram: filter,
  config: { ...base, ...changes, linux: { ...base.linux, ...linux } },
  ...rest,
});
export const names = (operations: readonly Operation[]): OperationName[] => operations.map(({ name }) => name);
export const only = <N extends OperationName>(operations: readonly Operation[], name: N) =>
  operations.filter((operation): operation is Extract<Operation, { name: N }> => operation.name === name);
export const first = <N extends OperationName>(operations: readonly Operation[], name: N) => {
  const [found] = only(operations, name);
  if (found === undefined) throw new Error(`no ${name} in the plan`);
  return found;
};
export const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];
export const remapped = { uidMappings: mapped, gidMappings: mapped };
export const withUser = [...base.linux.namespaces, { type: 'user' as const }];
