/** Options of `--tmpfs` and of tmpfs mounts, merged with Docker's own (moby/sys/mount MergeTmpfsOptions). */
import { invalidParameter } from '../../errors.ts';
import type { MountPoint } from '../docker-types.ts';

/** What Docker adds before the given options. */
const base = ['noexec', 'nosuid', 'nodev'];

/** Words that cancel each other out share a key; of two with the same key the later one holds. */
const keyOf: Readonly<Record<string, string>> = {
  ro: 'ro',
  rw: 'ro',
  exec: 'exec',
  noexec: 'exec',
  suid: 'suid',
  nosuid: 'suid',
  dev: 'dev',
  nodev: 'dev',
  sync: 'sync',
  async: 'sync',
  dirsync: 'dirsync',
  remount: 'remount',
  mand: 'mand',
  nomand: 'mand',
  atime: 'atime',
  noatime: 'atime',
  diratime: 'diratime',
  nodiratime: 'diratime',
  bind: 'bind',
  rbind: 'rbind',
  unbindable: 'propagation',
  runbindable: 'propagation',
  private: 'propagation',
  rprivate: 'propagation',
  shared: 'propagation',
  rshared: 'propagation',
  slave: 'propagation',
  rslave: 'propagation',
  relatime: 'atime-mode',
  norelatime: 'atime-mode',
  strictatime: 'atime-mode',
  nostrictatime: 'atime-mode',
  defaults: 'defaults',
};
const valueKeys = new Set(['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol']);

/** Merges; throws invalid-parameter, in Docker's words, for an option that tmpfs does not have. */
export function mergeTmpfsOptions(given: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const option of [...base, ...given]) {
    const equals = option.indexOf('=');
    const name = equals < 0 ? option : option.slice(0, equals);
    const key = Object.hasOwn(keyOf, option)
      ? keyOf[option]
      : equals >= 0 && valueKeys.has(name)
        ? `${name}=`
        : undefined;
    if (key === undefined) {
      const words = equals < 0 ? [option] : [name, option.slice(equals + 1)];
      throw invalidParameter(`invalid tmpfs option [${words.map((word) => JSON.stringify(word)).join(' ')}]`);
    }
    merged.delete(key);
    merged.set(key, option);
  }
  return [...merged.values()].filter((option) => option !== 'defaults');
}

/** The text after the colon of `--tmpfs PATH:OPTIONS`. */
export const tmpfsWords = (text: string): string[] => (text === '' ? [] : text.split(','));

/** TmpfsOptions of a mount as words. Throws invalid-parameter for extra options that Docker does not take. */
export function tmpfsMountWords(mount: MountPoint): string[] {
  const { SizeBytes = 0, Mode = 0, Options } = mount.TmpfsOptions ?? {};
  const extra = (Options ?? []).map((option) => {
    const [name = ''] = option;
    if (!['exec', 'noexec'].includes(name) || option.length > 1)
      throw invalidParameter(`invalid option: ${JSON.stringify(option)}`);
    return name;
  });
  return [
    ...(mount.ReadOnly === true ? ['ro'] : []),
    ...(Mode === 0 ? [] : [`mode=${Mode.toString(8)}`]),
    ...(SizeBytes === 0 ? [] : [`size=${SizeBytes}`]),
    ...extra,
  ];
}
