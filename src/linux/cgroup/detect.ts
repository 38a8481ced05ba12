/** Finds the cgroup hierarchies of this host: v1, v2 (unified), or both (hybrid). */
import { readFileSync } from 'node:fs';
import { unescapeMountPath } from '../mount-points.ts';

/** A v1 hierarchy: controllers that are mounted together, or a named one without any (`name=systemd`). */
export interface Hierarchy {
  readonly mountPoint: string;
  readonly controllers: readonly string[];
  /** `systemd` for `name=systemd`; absent for a hierarchy with controllers. */
  readonly name?: string;
}

/** `unified` is the v2 hierarchy beside those of v1, in the hybrid layout. */
export type CgroupHost =
  | { readonly kind: 'v2'; readonly mountPoint: string }
  | { readonly kind: 'v1'; readonly hierarchies: readonly Hierarchy[]; readonly unified?: string }
  | { readonly kind: 'none' };

/** Words among a v1 mount's options that are no controllers. */
const otherOptions = new Set([
  'rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'favordynmods', 'nofavordynmods', 'none',
]);

/** Reads a /proc/PID/mountinfo. Of several mounts of one hierarchy, the first counts. */
export function parseCgroupMounts(mountinfo: string): CgroupHost {
  const hierarchies: Hierarchy[] = [];
  const seen = new Set<string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', fileSystem = ''] = line.split(' - ');
    const [type = '', , superOptions = ''] = fileSystem.split(' ');
    const mountPoint = unescapeMountPath(mount.split(' ')[4] ?? '');
    if (type === 'cgroup2') unified ??= mountPoint;
    if (type !== 'cgroup') continue;
    const isPart = (option: string) => !otherOptions.has(option) && !option.startsWith('release_agent=');
    const options = superOptions.split(',').filter(isPart);
    const key = options.join(',');
    if (seen.has(key)) continue;
    seen.add(key);
    const name = options.find((option) => option.startsWith('name='))?.slice('name='.length);
    const controllers = options.filter((option) => !option.startsWith('name='));
    hierarchies.push({ mountPoint, controllers, ...(name === undefined || controllers.length > 0 ? {} : { name }) });
  }
  if (hierarchies.some(({ controllers }) => controllers.length > 0)) {
    return { kind: 'v1', hierarchies, ...(unified === undefined ? {} : { unified }) };
  }
  return unified === undefined ? { kind: 'none' } : { kind: 'v2', mountPoint: unified };
}

/** The hierarchies that this process sees. */
export function detectCgroups(): CgroupHost {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}
