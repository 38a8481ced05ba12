/**
 * The driver for kernels that refuse overlay mounts: the same roots, shown by the program of that name. It is started for each root
 * that is mounted, puts itself into the background, belongs to nobody, and ends when its root is unmounted.
 *
 *     fuse-overlayfs/<id>/{diff,work,merged}   a container's root
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { invalidParameter, systemError } from '../errors.ts';
import { unmountIfMounted } from '../linux/ffi/mounts.ts';
import type { Digest, DriverParts, LayerInfo, OverlayRoot, RootMounting, RootOptions, StorageDriver } from './driver.ts';
import { LayerStore } from './layer-store.ts';
import { OverlayDirectories } from './overlay-directories.ts';
import type { PackOptions } from './pack.ts';
import { whiteoutPrefix } from './whiteouts.ts';

const program = 'fuse-overlayfs';
/** The last words of the program that are shown, in bytes. */
const maxMessage = 2048;

export class FuseOverlayfsDriver extends LayerStore implements StorageDriver {
  readonly name = 'fuse-overlayfs';
  readonly ids = { onDisk: 'container', inView: 'host' } as const;
  readonly #directories: OverlayDirectories;

  constructor({ dataRoot, database }: DriverParts) {
    super(dataRoot, database);
    this.#directories = new OverlayDirectories(`${dataRoot}/${program}`);
  }

  static supports(): boolean {
    return existsSync('/dev/fuse') && searchPath().some((directory) => existsSync(join(directory, program)));
  }

  status() {
    return [];
  }

  roots(): string[] {
    return this.#directories.ids();
  }

  commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined> {
    return this.#directories.commit(this, id, topLayer, { skip: isMark, ...(owner ? { owner } : {}) });
  }

  async createRoot(id: string, _topLayer: Digest | null, { storageOptions }: RootOptions): Promise<void> {
    if (Object.keys(storageOptions).length > 0) throw invalidParameter('--storage-opt is not supported');
    this.#directories.create(id, { uid: 0, gid: 0 });
  }

  root(id: string, topLayer: Digest | null): OverlayRoot {
    return { kind: 'overlay', mountedBy: 'driver', lowerDirs: this.lowerDirs(topLayer), ...this.#directories.paths(id), cwd: this.layersRoot };
  }

  removeRoot(id: string): Promise<void> {
    return this.#directories.remove(id);
  }

  async mountRoot(id: string, topLayer: Digest | null, { plain, uid, gid }: RootMounting): Promise<void> {
    const { lowerDirs, upperDir, workDir, mergedDir, cwd } = this.root(id, topLayer);
    // Relative paths have none of the characters that mean something in options.
    const here = (path: string) => relative(cwd, path);
    const directories = plain
      ? [`lowerdir=${[upperDir, ...lowerDirs.slice(0, -1)].map(here).join(':')}`]
      : [`lowerdir=${lowerDirs.map(here).join(':')}`, `upperdir=${here(upperDir)}`, `workdir=${here(workDir)}`];
    const options = [...directories, ...mapOption('uidmapping', uid), ...mapOption('gidmapping', gid)];
    unmountIfMounted(mergedDir);
    await run(['-o', options.join(','), mergedDir], cwd);
  }

  unmountRoot(id: string): void {
    unmountIfMounted(this.#directories.paths(id).mergedDir);
  }
}

/** It marks directories by files of such names, beside the attribute; they are hidden in what it shows. */
const isMark = (path: string): boolean => path.slice(path.lastIndexOf('/') + 1).startsWith(whiteoutPrefix);

const searchPath = (): string[] => (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter);

const mapOption = (name: string, mappings: RootMounting['uid']): string[] =>
  mappings.length === 0 ? [] : [`${name}=${mappings.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(':')}`];

/** Resolves when the program has mounted its root. */
async function run(args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: searchPath().join(delimiter) } });
  let message = '';
  child.stderr.on('data', (chunk: Buffer) => { message = (message + chunk.toString()).slice(-maxMessage); });
  // Not `close`: what goes into the background keeps the pipe.
  const ended = await new Promise<number | string | null>((resolve) => child.once('error', (error) => resolve(error.message)).once('exit', resolve));
  child.stderr.destroy();
  if (ended !== 0) throw systemError(`error creating ${program} mount: ${message.trim() || `${program}: ${ended}`}`, { operation: 'mount root', object: args.at(-1) ?? '' });
}
