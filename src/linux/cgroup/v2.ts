/** cgroup v2, the unified hierarchy. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { systemError } from '../../errors.ts';
import { allowsEverything, assembleDeviceProgram } from './device-bpf.ts';
import type { CgroupDriver } from './driver.ts';
import { v2Freezer } from './freezer.ts';
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
    const own = this.#prepareParent(`${checkCgroupPath(parent)}/container`);
    this.#parents.adopt(own);
    // Not all that the host has, where it does not hand them down: in a container, say, with processes in its root cgroup.
    this.controllers = words(join(own, 'cgroup.subtree_control'));
    // Not among the files of the root; without swap accounting it is nowhere.
    this.swapLimit = existsSync(join(own, 'memory.swap.max'));
  }

  layout(path: string, resources: CgroupResources): CgroupLayout {
    const clean = checkCgroupPath(path);
    const parent = this.#prepareParent(clean);
    const directory = join(this.#mountPoint, clean);
    const handedDown = new Set(words(join(parent, 'cgroup.subtree_control')));
    this.#checkHandedDown(parent, resources, handedDown);
    const rules = resources.devices ?? [];
    return {
      directories: [directory],
      writes: v2Writes(directory, resources, handedDown, this.swapLimit),
      joins: [],
      cloneInto: directory,
      ...(allowsEverything(rules) ? {} : { deviceProgram: { cgroup: directory, program: assembleDeviceProgram(rules) } }),
      removals: [directory],
      freezer: v2Freezer(directory),
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
   * A child has the controllers that its parent names in cgroup.subtree_control. A parent with processes of its own names
   * none: some it could, but would become the root of a threaded subtree, in which no process of another can be.
   */
  #handDown(directory: string): void {
    const control = join(directory, 'cgroup.subtree_control');
    const present = new Set(words(control));
    const missing = words(join(directory, 'cgroup.controllers')).filter((one) => wanted.includes(one) && !present.has(one));
    if (missing.length === 0 || hasProcesses(directory)) return;
    for (const controller of missing) {
      try {
        writeFileSync(control, `+${controller}`);
      } catch {
        continue; // `cpu` where real-time processes are, say. Who asks for such a limit is told by `checkHandedDown`.
      }
    }
  }

  /** Throws system when limits need controllers that `parent` does not hand down. */
  #checkHandedDown(parent: string, resources: CgroupResources, handedDown: ReadonlySet<string>): void {
    const missing = this.controllers.filter((controller) => !handedDown.has(controller));
    const [lacking] = v2Writes(join(parent, 'x'), resources, new Set(missing), this.swapLimit);
    if (lacking === undefined) return;
    const advice = 'move them into a cgroup below it, or take another cgroup parent';
    throw systemError(
      `cannot set ${basename(lacking.path)} below ${parent}: its processes keep it, or one above it, from handing controllers down; ${advice}`,
      { object: parent },
    );
  }
}

/** Of its own, which only the root of the hierarchy (it has no type) may have beside controllers for its children. */
function hasProcesses(directory: string): boolean {
  if (!existsSync(join(directory, 'cgroup.type'))) return false;
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8') !== '';
  } catch {
    return true; // EOPNOTSUPP: in a threaded subtree
  }
}
