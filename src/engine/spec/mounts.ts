/** All that a container mounts, resolved at create: binds, volumes, tmpfs, and what it takes from other containers. */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import type { Digest } from '../../storage/driver.ts';
import type { ContainerConfig, HostConfig, MountPoint } from '../docker-types.ts';
import { isValidBindMode, parseBind } from './bind-spec.ts';
import { destinationProblem, missingBindSource, validateMount } from './mount-validation.ts';
import { tmpfsMountWords } from './tmpfs-options.ts';

/** What a plan needs of a mount beside what inspect shows. */
export interface MountDetails {
  /** Submounts of the source come along. */
  readonly recursive: boolean;
  /** What read-only covers: submounts too, if the kernel can; only the mount itself; or submounts, or else an error. */
  readonly readOnly: 'recursive' | 'plain' | 'force-recursive';
  /** Make the source directory when it is not there (`--volume` does, `--mount` does not). */
  readonly createSource: boolean;
  /** An empty volume is filled from the image. */
  readonly copyUp: boolean;
  /** Only this path of a volume, which may have been anything before the container is started. */
  readonly subpath?: string;
  /** Of an image: the root that was made for it. */
  readonly image?: ImageRoot;
  /** Options of a tmpfs, as words. */
  readonly tmpfs: readonly string[];
}

/** What an image is mounted from: a root of its own of the storage driver, without the stubs that a container's has. */
export interface ImageRoot {
  readonly root: string;
  readonly topLayer: Digest | null;
  /** The image's id. */
  readonly id: Digest;
  /** It is shown with the container's ids by what mounts it; else by its bind. */
  readonly shifted: boolean;
}

/** A mount as inspect lists it under `Mounts`, with its details. Plain JSON. */
export interface ResolvedMount {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image';
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
  readonly details: MountDetails;
}

/** Where named and anonymous volumes come from. */
export interface VolumeSource {
  /**
   * The volume of that name, made when it is not there; with null one under a made-up name. Throws for a name that is
   * not valid.
   */
  ensure(
    name: string | null,
    options: {
      readonly driver?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly options?: Readonly<Record<string, string>>;
    },
  ): { readonly name: string; readonly path: string };
}

/** Where images come from. Throws for one that is not there. */
export type ImageSource = (name: string, index: number) => { readonly path: string; readonly image: ImageRoot };

export interface MountSources {
  readonly images: ImageSource;
  readonly volumes: VolumeSource;
  /** The mounts of a container named in `--volumes-from`. Throws not-found. */
  readonly mountsOf: (container: string) => readonly ResolvedMount[];
  readonly exists: (path: string) => boolean;
  /** Binds that contain it are slaves, so that its mounts do not stay pinned in a container. */
  readonly dataRoot: string;
  /** Read-only `Binds` leave what is mounted below them as it is. */
  readonly plainReadOnlyBinds: boolean;
}

const plain: MountDetails = { recursive: true, readOnly: 'recursive', createSource: false, copyUp: false, tmpfs: [] };

/** Checks that need no volume to be made: everything that may be refused, in Docker's words. */
export function validateMounts(hostConfig: HostConfig, exists: (path: string) => boolean): void {
  const taken = new Set(Object.keys(hostConfig.Tmpfs ?? {}).map(cleanPath));
  const claim = (path: string) => {
    if (taken.has(path)) throw invalidParameter(`Duplicate mount point: ${path}`);
    taken.add(path);
  };
  for (const raw of hostConfig.Binds ?? [])
    claim(cleanPath(parseBind(raw, hostConfig.VolumeDriver ?? '').mount.Target ?? ''));
  for (const mount of hostConfig.Mounts ?? []) {
    validateMount(mount);
    const { Source = '', BindOptions } = mount;
    if (mount.Type === 'bind' && BindOptions?.CreateMountpoint !== true && !exists(Source))
      throw missingBindSource(Source);
    claim(cleanPath(mount.Target ?? ''));
  }
}

/**
 * Resolves everything, making volumes where needed. Later kinds replace earlier ones at the same place only for
 * `--volumes-from`, as in Docker; volumes of the image yield to all others.
 */
export function resolveMounts(config: ContainerConfig, hostConfig: HostConfig, sources: MountSources): ResolvedMount[] {
  const mounts = new Map<string, ResolvedMount>();
  let images = 0;
  /** Those of other containers, too, are of this one alone: it may outlive them. */
  const fromImage = (mount: ResolvedMount): ResolvedMount => {
    const { path, image } = sources.images(mount.Name ?? '', images++);
    return { ...mount, Source: path, details: { ...mount.details, image } };
  };
  for (const spec of hostConfig.VolumesFrom ?? []) {
    for (const mount of takeFrom(spec, sources)) mounts.set(mount.Destination, mount.Type === 'image' ? fromImage(mount) : mount);
  }
  for (const raw of hostConfig.Binds ?? []) {
    const { mount, mode } = parseBind(raw, hostConfig.VolumeDriver ?? '');
    const resolved = resolveMount(mount, mode, sources);
    const isBind = resolved.Type === 'bind';
    mounts.set(resolved.Destination, withDetails(resolved, { createSource: isBind, ...(isBind && sources.plainReadOnlyBinds ? { readOnly: 'plain' } : {}) }));
  }
  for (const mount of hostConfig.Mounts ?? []) {
    const resolved = mount.Type === 'image' ? fromImage(imageMount(mount)) : resolveMount(mount, '', sources);
    mounts.set(
      resolved.Destination,
      withDetails(resolved, { createSource: mount.BindOptions?.CreateMountpoint === true }),
    );
  }
  const tmpfs = new Set(Object.keys(hostConfig.Tmpfs ?? {}).map(cleanPath));
  for (const path of Object.keys(config.Volumes ?? {})) {
    const destination = cleanPath(path);
    const problem = destinationProblem(destination);
    if (problem !== undefined) throw invalidParameter(problem);
    if (mounts.has(destination) || tmpfs.has(destination)) continue;
    mounts.set(destination, { ...volumeMount({ Type: 'volume', Target: destination }, sources), Mode: '' });
  }
  return [...mounts.values()];
}

/** Shallow destinations first, so that none hides another. */
export function byDepth<M extends { readonly Destination: string }>(mounts: readonly M[]): M[] {
  const depth = ({ Destination }: M): number => (Destination === '/' ? 0 : Destination.split('/').length);
  return [...mounts].sort((a, b) => depth(a) - depth(b));
}

const withDetails = (mount: ResolvedMount, details: Partial<MountDetails>): ResolvedMount => ({
  ...mount,
  details: { ...mount.details, ...details },
});

/** path.Clean of a destination: no trailing slash, no `..`. */
export const cleanPath = (path: string): string => {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
};

function resolveMount(mount: MountPoint, mode: string, sources: MountSources): ResolvedMount {
  switch (mount.Type) {
    case 'bind':
      return bindMount(mount, mode, sources);
    case 'tmpfs':
      return {
        Type: 'tmpfs',
        Source: '',
        Destination: cleanPath(mount.Target ?? ''),
        Mode: '',
        RW: mount.ReadOnly !== true,
        Propagation: '',
        details: { ...plain, tmpfs: tmpfsMountWords(mount) },
      };
    default:
      return { ...volumeMount(mount, sources), Mode: mode === '' ? 'z' : mode };
  }
}

function bindMount(mount: MountPoint, mode: string, { dataRoot }: MountSources): ResolvedMount {
  const source = cleanPath(mount.Source ?? '');
  const options = mount.BindOptions ?? {};
  const around = source.startsWith(dataRoot) || dataRoot.startsWith(source);
  if (around && !['', 'rslave', 'rshared'].includes(options.Propagation ?? '')) throw holdsDataRoot(dataRoot, source, options.Propagation ?? '');
  return {
    Type: 'bind',
    Source: source,
    Destination: cleanPath(mount.Target ?? ''),
    Mode: mode,
    RW: mount.ReadOnly !== true,
    Propagation: options.Propagation || (around ? 'rslave' : 'rprivate'),
    details: {
      ...plain,
      recursive: options.NonRecursive !== true,
      readOnly:
        options.ReadOnlyForceRecursive === true
          ? 'force-recursive'
          : options.ReadOnlyNonRecursive === true
            ? 'plain'
            : 'recursive',
    },
  };
}

/** A container with mounts of its own of what is below the data root would keep other containers' roots from being removed. Docker compares the texts. */
const holdsDataRoot = (dataRoot: string, source: string, propagation: string) => invalidParameter(
  'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, ' +
    `daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, propagation: ${JSON.stringify(propagation)}`, { object: source });

function imageMount(mount: MountPoint): ResolvedMount {
  const subpath = mount.ImageOptions?.Subpath;
  return {
    Type: 'image', Name: mount.Source ?? '', Source: '', Destination: cleanPath(mount.Target ?? ''), Mode: '', RW: false, Propagation: 'rprivate',
    details: { ...plain, recursive: false, readOnly: 'plain', ...(subpath ? { subpath } : {}) },
  };
}

function volumeMount(mount: MountPoint, { volumes }: MountSources): ResolvedMount {
  const { Labels, DriverConfig, NoCopy, Subpath } = mount.VolumeOptions ?? {};
  const volume = volumes.ensure(mount.Source || null, {
    driver: DriverConfig?.Name ?? '',
    ...(Labels ? { labels: Labels } : {}),
    ...(DriverConfig?.Options ? { options: DriverConfig.Options } : {}),
  });
  return {
    Type: 'volume',
    Name: volume.name,
    Source: volume.path,
    Destination: cleanPath(mount.Target ?? ''),
    Driver: 'local',
    Mode: '',
    RW: mount.ReadOnly !== true,
    Propagation: mount.BindOptions?.Propagation ?? '',
    details: { ...plain, copyUp: NoCopy !== true, ...(Subpath ? { subpath: Subpath } : {}) },
  };
}

/** `--volumes-from container[:mode]`. */
function takeFrom(spec: string, { mountsOf }: MountSources): ResolvedMount[] {
  if (spec === '') throw invalidParameter('volumes-from specification cannot be an empty string');
  const colon = spec.indexOf(':');
  const mode = colon < 0 ? '' : spec.slice(colon + 1);
  const words = mode.split(',');
  if (!isValidBindMode(mode) || words.some((word) => !['', 'ro', 'rw', 'z', 'Z'].includes(word)))
    throw invalidParameter(`invalid mode: ${mode}`);
  return mountsOf(colon < 0 ? spec : spec.slice(0, colon)).map((mount) => ({
    ...mount,
    RW: mount.RW && !words.includes('ro'),
  }));
}
