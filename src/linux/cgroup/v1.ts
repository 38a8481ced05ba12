/** cgroup v1, and the hybrid layout: v1 controllers with a v2 hierarchy beside them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupHost, Hierarchy } from './detect.ts';
import { assembleDeviceProgram } from './device-bpf.ts';
import { deviceWrites } from './device-list.ts';
import type { CgroupDriver } from './driver.ts';
import { v1Freezer, v2Freezer } from './freezer.ts';
import type { CgroupLayout, CgroupWrite } from './layout.ts';
import type { CgroupMetrics } from './metrics.ts';
import { Mountpoints } from './mountpoints.ts';
import { Parents } from './parents.ts';
import { ancestors, checkCgroupPath } from './paths.ts';
import type { CgroupResources, DeviceRule } from './resources.ts';
import { readV1Metrics } from './v1-metrics.ts';
import { v1Writes } from './v1-writes.ts';

type V1Host = Extract<CgroupHost, { kind: 'v1' }>;

/** What a new cgroup below a parent must be given before a process can join its cpuset. */
type CpusetStart = { readonly kind: 'inherited' } | { readonly kind: 'copy'; readonly cpus: string; readonly mems: string };

export class CgroupV1Driver implements CgroupDriver {
  readonly version = 1;
  readonly swapLimit: boolean;
  readonly controllers: readonly string[];
  readonly #hierarchies: readonly Hierarchy[];
  readonly #unified: string | undefined;
  readonly #mountpoints: Mountpoints;
  /** The engine's own parent and those made here, to be removed again by `release`. */
  readonly #parents: Parents;

  /**
   * Prepares `parent`, below which containers' cgroups are to be. `mountpointDirectory`: see `Mountpoints`;
   * `parentRecord`: see `Parents`.
   */
  constructor(host: V1Host, parent: string, mountpointDirectory: string, parentRecord?: string) {
    this.#parents = new Parents(parentRecord);
    this.#hierarchies = host.hierarchies;
    this.#unified = host.unified;
    this.controllers = host.hierarchies.flatMap(({ controllers }) => controllers);
    const memory = this.#mountOf('memory');
    this.swapLimit = memory !== undefined && existsSync(join(memory, 'memory.memsw.limit_in_bytes'));
    this.#mountpoints = new Mountpoints(mountpointDirectory, host);
    const own = checkCgroupPath(parent);
    this.#prepareParent(`${own}/container`);
    for (const root of this.#roots()) this.#parents.adopt(join(root, own));
  }

  layout(path: string, resources: CgroupResources): CgroupLayout {
    const clean = checkCgroupPath(path);
    const cpuset = this.#prepareParent(clean);
    const directories = this.#roots().map((root) => join(root, clean));
    const unified = this.#unified === undefined ? undefined : join(this.#unified, clean);
    const paths = this.#pathsOf(clean);
    const rules = resources.devices ?? [];
    const byProgram = paths['devices'] === undefined && unified !== undefined && rules.length > 0;
    return {
      directories,
      writes: [
        ...this.#cpusetWrites(paths['cpuset'], cpuset, resources),
        ...v1Writes(paths, resources, this.swapLimit),
        ...(paths['devices'] === undefined ? [] : devicesOf(paths['devices'], rules)),
      ],
      joins: this.#hierarchies.map((one) => ({ path: join(one.mountPoint, clean, 'tasks'), data: '0' })),
      ...(unified === undefined ? {} : { cloneInto: unified }),
      ...(byProgram ? { deviceProgram: { cgroup: unified, program: assembleDeviceProgram(rules) } } : {}),
      removals: directories,
      freezer: paths['freezer'] !== undefined || unified === undefined
        ? v1Freezer(paths['freezer'] ?? '')
        : v2Freezer(unified),
      oomEvents: paths['memory'] === undefined ? '' : join(paths['memory'], 'memory.oom_control'),
      paths: unified === undefined ? paths : { ...paths, unified },
      containerMounts: (mount) => this.#mountpoints.mounts(mount, clean),
    };
  }

  limitWrites(path: string, limits: CgroupResources): CgroupWrite[] {
    const paths = this.#pathsOf(checkCgroupPath(path));
    const { memory } = paths;
    const current = memory === undefined ? undefined : Number(readFileSync(join(memory, 'memory.limit_in_bytes'), 'utf8'));
    return [...this.#cpusetWrites(paths['cpuset'], { kind: 'inherited' }, limits), ...v1Writes(paths, limits, this.swapLimit, current)];
  }

  metrics(path: string): CgroupMetrics {
    return readV1Metrics(this.#pathsOf(checkCgroupPath(path)));
  }

  releaseParents(path: string): void {
    this.#parents.releaseAbove(this.#roots(), checkCgroupPath(path));
  }

  release(): void {
    this.#parents.release();
  }

  /** Directories by controller. */
  #pathsOf(path: string): Record<string, string> {
    const named = this.#hierarchies.flatMap((one) => one.controllers.map((controller) => [controller, join(one.mountPoint, path)]));
    return Object.fromEntries(named) as Record<string, string>;
  }

  #mountOf(controller: string): string | undefined {
    return this.#hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountPoint;
  }

  /** Mount points, the v2 hierarchy first: its `cgroup.kill` is the surest way to end every process. */
  #roots(): string[] {
    return [...(this.#unified === undefined ? [] : [this.#unified]), ...this.#hierarchies.map(({ mountPoint }) => mountPoint)];
  }

  /** Makes the directories above `path` that are missing. Answers how cpusets begin below the last of them. */
  #prepareParent(path: string): CpusetStart {
    const cpuset = this.#mountOf('cpuset');
    for (const ancestor of ancestors(path)) {
      for (const root of this.#roots()) {
        const directory = join(root, ancestor);
        const isNew = !existsSync(directory);
        if (isNew) this.#parents.make(directory);
        if (root !== cpuset) continue;
        fillCpuset(directory);
        // A parent of ours hands its own on to its children.
        if (isNew) writeFileSync(join(directory, 'cgroup.clone_children'), '1');
      }
    }
    return cpuset === undefined ? { kind: 'inherited' } : cpusetStart(join(cpuset, ...ancestors(path).slice(-1)));
  }

  #cpusetWrites(directory: string | undefined, start: CpusetStart, { cpu }: CgroupResources): CgroupLayout['writes'] {
    if (directory === undefined) return [];
    const parents = start.kind === 'copy' ? start : { cpus: '', mems: '' };
    const values = [
      ['cpuset.cpus', cpu?.cpus || parents.cpus, 'the processors it may use'],
      ['cpuset.mems', cpu?.mems || parents.mems, 'the memory nodes it may use'],
    ] as const;
    const asked = values.filter(([, data]) => data !== '');
    return asked.map(([file, data, reason]) => ({ path: join(directory, file), data, reason }));
  }
}

/** A new cpuset is empty and nothing can join it; neither can what is below one that its maker has left so. */
function fillCpuset(directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(directory, file);
    if (readFileSync(own, 'utf8').trim() === '') writeFileSync(own, readFileSync(join(directory, '..', file)));
  }
}

function devicesOf(directory: string, rules: readonly DeviceRule[]): CgroupWrite[] {
  return deviceWrites(rules).map(({ file, data }) => ({
    path: join(directory, file), data, reason: file === 'devices.deny' ? 'no devices but those allowed' : 'a device it may use',
  }));
}

function cpusetStart(parent: string): CpusetStart {
  if (readFileSync(join(parent, 'cgroup.clone_children'), 'utf8').trim() === '1') return { kind: 'inherited' };
  const read = (file: string) => readFileSync(join(parent, file), 'utf8').trim();
  return { kind: 'copy', cpus: read('cpuset.cpus'), mems: read('cpuset.mems') };
}
