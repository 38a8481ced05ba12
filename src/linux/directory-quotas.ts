/** Limits of what is below a directory: project quotas of ext4 and xfs, quota groups of btrfs. */
import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createSubvolume, enableQuotas, limitSubvolume } from './ffi/btrfs.ts';
import { fileSystemMagic, fileSystemType } from './ffi/files.ts';
import { enforcesProjectQuotas, limitProject, projectOf, setProject } from './ffi/project-quota.ts';

/** Projects of a data root: apart from those that people number by hand, and from those of other data roots. */
const firstProject = (dataRoot: string): number => 0x4000_0000 + createHash('sha256').update(dataRoot).digest().readUInt16BE() * 0x4000;

export interface DirectoryQuotas {
  /** Makes a directory in which no more than so many bytes find room. */
  make(path: string, size: number): void;
  /** Lifts the limit of a directory that is about to be removed; one without a limit, or that is gone, is right. */
  release(path: string): void;
}

/** `parents`: the directories, below the data root, in which limited ones are made. Undefined where the file system keeps no limits. */
export function directoryQuotas(dataRoot: string, parents: readonly string[]): DirectoryQuotas | undefined {
  if (fileSystemType(dataRoot) === fileSystemMagic.btrfs) return quotaGroups;
  return withDirectory(dataRoot, enforcesProjectQuotas) ? new ProjectQuotas(dataRoot, parents) : undefined;
}

/** The directory is a subvolume; its quota group goes with it. */
const quotaGroups: DirectoryQuotas = {
  make(path, size) {
    withDirectory(dirname(path), (parent) => {
      enableQuotas(parent);
      createSubvolume(parent, basename(path));
    });
    withDirectory(path, (fd) => limitSubvolume(fd, size));
  },
  release: () => undefined,
};

class ProjectQuotas implements DirectoryQuotas {
  readonly #dataRoot: string;
  readonly #parents: readonly string[];
  #next: number | undefined;

  constructor(dataRoot: string, parents: readonly string[]) {
    this.#dataRoot = dataRoot;
    this.#parents = parents;
  }

  make(path: string, size: number): void {
    const project = this.#take();
    mkdirSync(path, { mode: 0o710 });
    withDirectory(path, (fd) => {
      limitProject(fd, project, size);
      setProject(fd, project);
    });
  }

  release(path: string): void {
    try {
      withDirectory(path, (fd) => {
        const project = projectOf(fd);
        if (project >= firstProject(this.#dataRoot)) limitProject(fd, project, 0);
      });
    } catch {
      // It is about to go; a limit that stays for a project without files limits nothing.
    }
  }

  /** A number that no directory has. */
  #take(): number {
    this.#next ??= Math.max(firstProject(this.#dataRoot), ...this.#parents.flatMap((parent) => projectsIn(join(this.#dataRoot, parent)))) + 1;
    return this.#next++;
  }
}

/** What has no project says nothing of the others: a link, a file, what has another file system mounted on it. */
function projectsIn(parent: string): number[] {
  return (existsSync(parent) ? readdirSync(parent) : []).flatMap((name) => {
    try {
      return [withDirectory(join(parent, name), projectOf)];
    } catch {
      return [];
    }
  });
}

function withDirectory<Result>(path: string, action: (fd: number) => Result): Result {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}
