/**
 * `npm run test:vm`: the integration tests on a kernel with cgroup version 2 alone, Debian's cloud kernel in QEMU. Ends with one line,
 * `N passed, N failed, N skipped`. `--all` runs every file, `--only=NAME` those whose name contains it, `--shell` is a shell in the
 * machine.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { dockerCommand } from '../support/docker-command.ts';
import type { EngineKind } from '../support/engine.ts';
import { checkout } from '../support/paths.ts';
import { engineUnderTest } from '../support/requirements.ts';
import { makeImage } from './image.ts';
import { findKernel, type Kernel } from './kernel.ts';
import { QEMU, runMachine, talkToMachine, type Boot } from './machine.ts';

/** Far above what the chosen files take, and all of them. */
const MINUTES = { chosen: 20, all: 90 };

/** Whose subject is the kernel: cgroups, namespaces, mounts, what is left of them. The others ask the same of any kernel. */
const ABOUT_KERNELS = [
  'cgroup-v2', 'resources', 'update', 'stats', 'exec', 'namespaces', 'userns', 'root', 'several-daemons', 'survive', 'quotas'];

const SUMMARY = /^(\d+) passed, (\d+) failed, \d+ skipped\r?$/gm;

const has = (program: string): boolean => {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why there can be no machine here; undefined when there can. */
function missing(): string | undefined {
  if (process.arch !== 'x64') return 'needs an x86_64 host';
  if (!has(QEMU)) return `needs ${QEMU}: apt-get install qemu-system-x86`;
  if (!has('mke2fs')) return 'needs mke2fs: apt-get install e2fsprogs';
  if (dockerCommand() === undefined) return 'needs the docker command';
  if (engineUnderTest() === undefined) return 'needs a dockerd to judge';
  return undefined;
}

function skip(reason: string): void {
  console.log(`The tests on cgroup version 2 [skipped: ${reason}]\n\n0 passed, 0 failed, 1 skipped`);
}

/** Boots it once over an image of its own. */
async function run(kernel: Kernel, engine: EngineKind, work: string, args: readonly string[]): Promise<void> {
  const peer = engine.name === 'dockerd' ? engine.peer : undefined;
  const env: Record<string, string> = peer === undefined ? {} : { CAISSON_TEST_ENGINE: engine.name };
  const minutes = args.some((word) => word.startsWith('--only=')) ? MINUTES.chosen : MINUTES.all;
  const boot: Boot = { kernel: kernel.image, disk: path.join(work, 'root.img'), console: path.join(work, 'console'), args, env, minutes };
  makeImage(boot.disk, path.join(work, 'root'), kernel, peer);
  if (args.includes('--shell')) return talkToMachine(boot);
  console.log(`Linux ${kernel.release} in QEMU`);
  const [last, passed, failed] = [...(await runMachine(boot)).matchAll(SUMMARY)].at(-1) ?? [];
  if (last === undefined) {
    console.log(`${readFileSync(boot.console, 'utf8').split('\n').slice(-40).join('\n')}\nThe machine ended before the tests did.\n\n0 passed, 1 failed, 0 skipped`);
  }
  process.exitCode = failed === '0' && passed !== '0' ? 0 : 1;
}

/** Arguments of `init.sh`. */
function machineArguments(args: readonly string[]): string[] {
  if (args.includes('--shell')) return ['--shell'];
  const only = args.filter((word) => word.startsWith('--only='));
  const chosen = args.includes('--all') || only.length > 0 ? only : ABOUT_KERNELS.map((name) => `--only=${name}.`);
  return ['integration', ...chosen];
}

async function main(): Promise<void> {
  const reason = missing();
  if (reason !== undefined) return skip(reason);
  // The same executable that the machine gets.
  execFileSync(path.join(checkout, 'caisson'), ['--version'], { stdio: 'ignore' });
  const cache = path.join(checkout, 'build/vm');
  let kernel: Kernel;
  try {
    kernel = findKernel(cache);
  } catch (error) {
    return skip((error as Error).message);
  }
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, 'machine-'));
  process.on('exit', () => rmSync(work, { recursive: true, force: true }));
  await run(kernel, engineUnderTest() as EngineKind, work, machineArguments(process.argv.slice(2)));
}

await main();
