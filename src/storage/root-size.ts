/** `--storage-opt size=` of containers and of the daemon, in each driver's words (moby daemon/graphdriver). */
import { invalidParameter, systemError } from '../errors.ts';
import { parseSize } from '../sizes.ts';

/** As a container's HostConfig.StorageOpt has them. */
export type StorageOptions = Readonly<Record<string, string>>;

/** What the daemon's `--storage-opt` says about roots; bytes, 0 is without limit. */
export interface SizeBounds {
  /** Of roots that say nothing themselves. */
  readonly size: number;
  /** The least that btrfs takes. */
  readonly minimum: number;
}

/** Bytes for a root of overlay2; 0 is without limit. */
export function overlaySize(options: StorageOptions, supported: boolean, bounds: SizeBounds): number {
  const names = Object.keys(options);
  if (!supported && names.some(isSize)) throw invalidParameter("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  const unknown = names.find((name) => !isSize(name));
  if (unknown !== undefined) throw invalidParameter(`Unknown option ${unknown}`);
  return names.reduce((_, name) => size(options[name]!), bounds.size);
}

/** Bytes for a root of vfs. */
export function vfsSize(options: StorageOptions, supported: boolean, bounds: SizeBounds): number {
  const unknown = Object.keys(options).find((name) => name !== 'size');
  if (unknown !== undefined) throw invalidParameter(`Storage opt ${unknown} not supported`);
  if (options['size'] === undefined) return bounds.size;
  if (!supported) throw invalidParameter('Filesystem does not support, or has not enabled quotas');
  return size(options['size']);
}

/** Bytes for a root of btrfs. */
export function btrfsSize(options: StorageOptions, bounds: SizeBounds): number {
  if (options['size'] === undefined) return 0;
  const unknown = Object.keys(options).find((name) => !isSize(name));
  if (unknown !== undefined) throw invalidParameter(`Unknown option ${unknown}`);
  const bytes = size(options['size']);
  if (bytes <= 0) throw invalidParameter('btrfs: invalid storage size: 0B');
  if (bytes < bounds.minimum) throw invalidParameter(`btrfs: storage size cannot be less than ${humanSize(bounds.minimum)}`);
  return bytes;
}

const isSize = (name: string): boolean => name.toLowerCase() === 'size';

function size(text: string): number {
  const bytes = parseSize(text, 1024);
  if (bytes === undefined) throw invalidParameter(`invalid size: '${text}'`);
  return bytes;
}

/** go-units, HumanSize: four digits, in multiples of 1000. */
function humanSize(bytes: number): string {
  const power = Math.min(4, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(4))}${['B', 'kB', 'MB', 'GB', 'TB'][power]!}`;
}

/** The daemon's `--storage-opt`, each `NAME=VALUE`. `fileSystem`: of the data root, by Docker's name; `supported`: it keeps quotas. */
export function parseDriverOptions(driver: string, options: readonly string[], { fileSystem, supported }: { fileSystem: string; supported: boolean }): SizeBounds {
  let bounds: SizeBounds = { size: 0, minimum: 0 };
  for (const option of options) {
    const equals = option.indexOf('=');
    if (equals < 0) throw failure(`unable to parse key/value option: ${option}`, driver);
    const [name, value] = [option.slice(0, equals).toLowerCase(), option.slice(equals + 1)];
    if (driver === 'overlay2' && name === 'overlay2.override_kernel_check') continue;
    if (driver === 'fuse-overlayfs') continue;
    if (driver === 'btrfs' && name === 'btrfs.min_space') bounds = { ...bounds, minimum: size(value) };
    else if (driver === 'overlay2' && name === 'overlay2.size') bounds = { ...bounds, size: size(value) };
    else if (driver === 'vfs' && name === 'size') bounds = { ...bounds, size: size(value) };
    else throw failure(unknownOption(driver, option.slice(0, equals)), driver);
  }
  if (bounds.size > 0 && !supported) throw failure(noQuotas(driver, fileSystem), driver);
  return bounds;
}

function unknownOption(driver: string, name: string): string {
  if (driver === 'overlay2') return `overlay2: unknown option ${name}`;
  return driver === 'vfs' ? `unknown option ${name} for vfs` : `unknown option ${name}`;
}

function noQuotas(driver: string, fileSystem: string): string {
  if (driver === 'vfs') return 'Filesystem does not support, or has not enabled quotas';
  return fileSystem === 'xfs'
    ? 'Storage option overlay2.size not supported. Filesystem does not support Project Quota: Filesystem does not support, or has not enabled quotas'
    : `Storage Option overlay2.size only supported for backingFS XFS. Found ${fileSystem}`;
}

const failure = (why: string, driver: string) => systemError(`error initializing graphdriver: ${why}: ${driver}`);
