/** Debian's cloud kernel, from its package: fetched once by apt and kept, unpacked, in the checkout's build directory. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Depends on the current kernel's package. */
const META_PACKAGE = 'linux-image-cloud-amd64';

export interface Kernel {
  /** `6.1.0-56-cloud-amd64` */
  readonly release: string;
  /** The compressed image, as QEMU boots it. */
  readonly image: string;
  /** `kernel/fs/overlayfs/overlay.ko` and the others are below it. */
  readonly modules: string;
}

/** The name of the package that the meta package stands for; throws what apt says when it knows neither. */
function currentPackage(): string {
  const record = execFileSync('apt-cache', ['show', '--no-all-versions', META_PACKAGE], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const [, name] = /^Depends:.*\b(linux-image-\d[\w.-]*)/m.exec(record) ?? [];
  if (name === undefined) throw new Error(`${META_PACKAGE} names no kernel that it depends on`);
  return name;
}

/** A kernel unpacked in `directory`; undefined when none is there. */
function unpacked(directory: string): Kernel | undefined {
  try {
    const image = readdirSync(path.join(directory, 'boot')).find((name) => name.startsWith('vmlinuz-'));
    if (image === undefined) return undefined;
    const release = image.slice('vmlinuz-'.length);
    return { release, image: path.join(directory, 'boot', image), modules: path.join(directory, 'lib/modules', release) };
  } catch {
    return undefined;
  }
}

/** The kernel kept in `cache`, else a new one. Throws an error with the reason when apt cannot fetch it. */
export function findKernel(cache: string): Kernel {
  const place = path.join(cache, 'kernel');
  const kept = unpacked(place);
  if (kept !== undefined) return kept;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, 'fetch-'));
  try {
    // As root apt would fetch as another user, who may not write here.
    execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', currentPackage()], { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] });
    const [archive = ''] = readdirSync(work);
    execFileSync('dpkg-deb', ['--extract', archive, 'unpacked'], { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] });
    rmSync(place, { recursive: true, force: true });
    renameSync(path.join(work, 'unpacked'), place);
  } catch (error) {
    throw new Error(`the package ${META_PACKAGE} cannot be had (try apt-get update): ${(error as Error).message.trim()}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const fetched = unpacked(place);
  if (fetched === undefined) throw new Error(`the package ${META_PACKAGE} holds no kernel`);
  return fetched;
}
