/** What makes a mount of the Mounts API valid (moby volume/mounts linux_parser.go, validate.go). */
import { posix } from 'node:path';
import { type CaissonError, invalidParameter } from '../../errors.ts';
import type { MountPoint } from '../docker-types.ts';
import { tmpfsMountWords } from './tmpfs-options.ts';

const propagationModes = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);

/** Throws `fail(sentence)`, invalid-parameter by default, when something is wrong with the mount itself. */
export function validateMount(
  mount: MountPoint,
  fail: (why: string) => CaissonError = (why) => invalidParameter(why),
): void {
  const problem = mountProblem(mount);
  if (problem !== undefined)
    throw fail(`invalid mount config for type ${JSON.stringify(mount.Type ?? '')}: ${problem}`);
}

/** Docker's sentence for a bind source that is not there, for `--mount`; `--volume` makes it. */
export const missingBindSource = (path: string): CaissonError =>
  invalidParameter(`invalid mount config for type "bind": bind source path does not exist: ${path}`, { object: path });

const mustNotHave = (field: string): string => `field ${field} must not be specified`;
const notAbsolute = (path: string): string => `invalid mount path: '${path}' mount path must be absolute`;

/** Docker's check of a `--tmpfs` or mount destination. */
export function destinationProblem(path: string): string | undefined {
  if (posix.normalize(path) === '/') return "invalid specification: destination can't be '/'";
  return posix.isAbsolute(path) ? undefined : notAbsolute(path);
}

function mountProblem(mount: MountPoint): string | undefined {
  if (!mount.Target) return 'field Target must not be empty';
  const problem = destinationProblem(mount.Target);
  if (problem !== undefined) return problem;
  switch (mount.Type) {
    case 'bind':
      return bindProblem(mount);
    case 'volume':
      return volumeProblem(mount);
    case 'tmpfs':
      return tmpfsProblem(mount);
    case 'image':
      return imageProblem(mount);
    default:
      return 'mount type unknown';
  }
}

function bindProblem({ Source, BindOptions, VolumeOptions, ImageOptions }: MountPoint): string | undefined {
  if (!Source) return 'field Source must not be empty';
  const propagation = BindOptions?.Propagation;
  if (propagation && !propagationModes.has(propagation)) return `invalid propagation mode: ${propagation}`;
  if (VolumeOptions) return mustNotHave('VolumeOptions');
  if (ImageOptions) return mustNotHave('ImageOptions');
  if (!posix.isAbsolute(Source)) return notAbsolute(Source);
  if (BindOptions?.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive) {
    return 'mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive';
  }
  return undefined;
}

function volumeProblem({ Source, ReadOnly, BindOptions, VolumeOptions, ImageOptions }: MountPoint): string | undefined {
  if (BindOptions && (BindOptions.Propagation === undefined || BindOptions.Propagation === ''))
    return mustNotHave('BindOptions');
  if (ImageOptions) return mustNotHave('ImageOptions');
  const subpath = VolumeOptions?.Subpath;
  if (subpath) {
    if (!Source) return 'must not set Subpath when using anonymous volumes';
    if (leadsOut(subpath)) return 'subpath must be a relative path within the volume';
  }
  return !Source && ReadOnly ? 'must not set ReadOnly mode when using anonymous volumes' : undefined;
}

function imageProblem({ Source, BindOptions, VolumeOptions, ImageOptions }: MountPoint): string | undefined {
  if (!Source) return 'field Source must not be empty';
  if (BindOptions) return mustNotHave('BindOptions');
  if (VolumeOptions) return mustNotHave('VolumeOptions');
  // In Docker's words, though it is no volume.
  return leadsOut(ImageOptions?.Subpath ?? '') ? 'subpath must be a relative path within the volume' : undefined;
}

const leadsOut = (subpath: string): boolean => posix.isAbsolute(subpath) || posix.normalize(subpath).split('/')[0] === '..';

function tmpfsProblem(mount: MountPoint): string | undefined {
  if (mount.BindOptions) return mustNotHave('BindOptions');
  if (mount.VolumeOptions) return mustNotHave('VolumeOptions');
  if (mount.ImageOptions) return mustNotHave('ImageOptions');
  if (mount.Source) return mustNotHave('Source');
  try {
    tmpfsMountWords(mount);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}
