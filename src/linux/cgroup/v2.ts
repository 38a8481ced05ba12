/** cgroup v2, the unified hierarchy. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../../errors.ts';
import { assembleDeviceProgram } from './device-bpf.ts';
import type { CgroupDriver } from './driver.ts';
import type { CgroupLayout, CgroupWrite } from './layout.ts';
import type { CgroupMetrics } from './metrics.ts';
import { Parents } from './parents.ts';
import { ancestors, checkCgroupPath } from './paths.ts';
import type { CgroupResources } from './resources.ts';
import { readV2Metrics } from './v2-metrics.ts';
import { v2Writes } from './v2-writes.ts';

/** Those that a container's limits or statistics need. */
const wanted = ['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb'];

const words = (path: string): string[] => readFileSync(path, 'utf8').split(/\s+/).filter((word) => word !== '');

/** Those that a cgroup's parent hands down to it. */
const controllersOf = (directory: string): Set<string> => new Set(words(join(directory, 'cgroup.controllers')));

export class CgroupV2Driver implements CgroupDriver {
  readonly version = 2;
  readonly controllers: readonly string[];
  readonly swapLimit: boolean;
  readonly #mountPoint: string;
  readonly #parents: Parents;

  /** Prepares `parent`, below which containers' cgroups are to be. `parentRecord`: see `Parents`. */
  constructor(mountPoint: string, parent: string, parentRecord?: string) {
    this.#parents = new Parents(parentRecord);
    this.#mountPoint = mountPoint;
    this.controllers = words(join(mountPoint, 'cgroup.controllers'));
    // Not among the files of the root; without swap accounting it is nowhere.
    const own = this.#prepareParent(`${checkCgroupPath(parent)}/container`);
    this.#parents.adopt(own);
    this.swapLimit = existsSync(join(own, 'memory.swap.max'));
  }

  layout(path: string, resources: CgroupResources): CgroupLayout {
    const clean = checkCgroupPath(path);
    const parent = this.#prepareParent(clean);
    const directory = join(this.#mountPoint, clean);
    const handedDown = new Set(words(join(parent, 'cgroup.subtree_control')));
    const rules = resources.devices ?? [];
    return {
      directories: [directory],
      writes: v2Writes(directory, resources, handedDown, this.swapLimit),
      joins: [],
      cloneInto: directory,
      ...(rules.length === 0 ? {} : { deviceProgram: { cgroup: directory, program: assembleDeviceProgram(rules) } }),
      removals: [directory],
      freezer: { path: join(directory, 'cgroup.freeze'), frozen: '1', thawed: '0' },
      oomEvents: handedDown.has('memory') ? join(directory, 'memory.events') : '',
      paths: Object.fromEntries([['unified', directory], ...[...handedDown].map((controller) => [controller, directory])]),
      containerMounts: (mount) => [{ ...mount, type: 'cgroup2', source: 'cgroup' }],
    };
  }

  limitWrites(path: string, limits: CgroupResources): CgroupWrite[] {
    const directory = join(this.#mountPoint, checkCgroupPath(path));
    return v2Writes(directory, limits, controllersOf(directory), this.swapLimit);
  }

  metrics(path: string): CgroupMetrics {
    const directory = join(this.#mountPoint, checkCgroupPath(path));
    return readV2Metrics(directory, controllersOf(directory));
  }

  releaseParents(path: string): void {
    this.#parents.releaseAbove([this.#mountPoint], checkCgroupPath(path));
  }

  release(): void {
    this.#parents.release();
  }

  /**
   * Makes the directories above `path` that are missing, and hands the controllers down to the last of them and its
   * children.
   */
  #prepareParent(path: string): string {
    let directory = this.#mountPoint;
    this.#handDown(directory);
    for (const ancestor of ancestors(path)) {
      directory = join(this.#mountPoint, ancestor);
      this.#parents.make(directory);
      this.#handDown(directory);
    }
    return directory;
  }

  /**
   * A child has the controllers that its parent names in cgroup.subtree_control, and none while that parent has
   * processes itself.
   */
  #handDown(directory: string): void {
    const control = join(directory, 'cgroup.subtree_control');
    const present = new Set(words(control));
    const available = words(join(directory, 'cgroup.controllers')).filter((controller) => wanted.includes(controller));
    for (const controller of available.filter((one) => !present.has(one))) {
      try {
        writeFileSync(control, `+${controller}`);
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code;
        // A processor controller refuses where real-time processes are; the others work without it.
        if (code !== 'EBUSY') continue;
        const advice = 'move them into a cgroup below it, or start the daemon with a cgroup parent elsewhere';
        const attempt = `cannot limit ${controller} below ${directory}`;
        throw systemError(`${attempt}: the cgroup has processes of its own; ${advice}`, { object: control, cause });
      }
    }
  }
}
