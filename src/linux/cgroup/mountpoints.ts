/** What a container sees below /sys/fs/cgroup on a v1 host: its own directory of every hierarchy. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import type { CgroupHost } from './detect.ts';
import type { CgroupMount } from './layout.ts';

interface Place {
  /** Of the directory: `cpu,cpuacct`, `systemd`. */
  readonly name: string;
  readonly mountPoint: string;
  readonly controllers: readonly string[];
}

/**
 * A directory of the host with an empty directory for every hierarchy, and links for controllers that share one. Bound
 * read-only into a container it has all the places to mount on, so that no file system and no directories need be made
 * for each container.
 */
export class Mountpoints {
  readonly #directory: string;
  readonly #hierarchies: readonly Place[];
  #made = false;

  constructor(directory: string, host: Extract<CgroupHost, { kind: 'v1' }>) {
    this.#directory = directory;
    const unified = host.unified === undefined ? [] : [{ mountPoint: host.unified, controllers: [] }];
    this.#hierarchies = [...host.hierarchies, ...unified].map(({ mountPoint, controllers }) => ({
      name: basename(mountPoint), mountPoint, controllers,
    }));
  }

  /**
   * The mounts for one of type `cgroup`. Binds show a container its own cgroup as the root with or without a cgroup
   * namespace.
   */
  mounts(mount: CgroupMount, path: string): CgroupMount[] {
    this.#make();
    const { destination, options = [] } = mount;
    const common = options.filter((option) => option !== 'rw' && option !== 'ro');
    return [
      // Shared by all containers: read-only even for one that may write to its own cgroups.
      { destination, type: 'bind', source: this.#directory, options: ['bind', ...common, 'ro'] },
      ...this.#hierarchies.map(({ name, mountPoint }) => ({
        destination: posix.join(destination, name),
        type: 'bind',
        source: join(mountPoint, path),
        options: ['bind', ...options],
      })),
    ];
  }

  #make(): void {
    // /run may be cleaned while the daemon runs.
    if (this.#made && existsSync(this.#directory)) return;
    mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
    for (const { name, controllers } of this.#hierarchies) {
      mkdirSync(join(this.#directory, name), { recursive: true, mode: 0o755 });
      for (const controller of controllers) if (controller !== name) this.#link(name, controller);
    }
    this.#made = true;
  }

  #link(target: string, name: string): void {
    try {
      symlinkSync(target, join(this.#directory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
