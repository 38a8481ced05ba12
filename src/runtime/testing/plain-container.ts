/** For tests that need root: a small root directory and hand-written plans, so that the launcher is tested without the compiler. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operation, Plan } from '../plan/operations.ts';
import type { Launcher, LaunchRequest, StdioOptions } from '../shim.ts';

const busybox = join(import.meta.dirname, '../../../node_modules/busybox-static/bin/busybox');
const applets = ['sh', 'true', 'false', 'cat', 'echo', 'sleep', 'kill', 'ls', 'stty', 'id', 'head', 'dd', 'mount', 'hostname', 'readlink', 'yes', 'tr', 'wc', 'test', 'stat', 'printf', 'grep'];

export const helperPath = join(import.meta.dirname, '../../../native/build/caisson-shim');

/** CLONE_NEW*: pid, mount, uts, ipc, network. */
export const allNamespaces = 0x20000000n | 0x00020000n | 0x04000000n | 0x08000000n | 0x40000000n;

/** A directory with a root file system of busybox, and room for sockets, logs and records; `remove` deletes it. */
export interface Sandbox {
  readonly directory: string;
  readonly root: string;
  readonly execRoot: string;
  remove(): void;
}

export function makeSandbox(directory = mkdtempSync(join(tmpdir(), 'caisson-launcher-'))): Sandbox {
  const root = join(directory, 'root');
  for (const name of ['bin', 'proc', 'dev', 'tmp', 'etc', 'root']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(busybox, join(root, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet));
  return { directory, root, execRoot: join(directory, 'run'), remove: () => rmSync(directory, { recursive: true, force: true }) };
}

const because = { reason: 'test' } as const;

const fileSystem = (type: string, target: string, options: readonly string[] = [], attributes = 0n): Operation =>
  ({ name: 'mountIn', type, source: type, slot: -1, target, attributes, options, propagation: 0n, flags: 0, ...because });

/** What a plan of a test may vary. */
export interface PlanOptions {
  readonly argv: readonly string[];
  readonly tty?: boolean;
  /** Between the standard mounts and pivotRoot. */
  readonly mounts?: readonly Operation[];
  /** Before execve. */
  readonly extra?: readonly Operation[];
  readonly prepare?: readonly Operation[];
  readonly host?: readonly Operation[];
  readonly release?: readonly Operation[];
  readonly uid?: number;
}

const execve = (argv: readonly string[]): Operation =>
  ({ name: 'execve', candidates: candidatesOf(argv[0] as string), argv, envp: ['PATH=/bin', 'TERM=xterm'], ...because });

const candidatesOf = (name: string) => (name.includes('/') ? [name] : [`/sbin/${name}`, `/bin/${name}`]);

const stdioOf = (options: PlanOptions): Operation =>
  options.tty === true
    ? { name: 'terminal', columns: 100, rows: 40, uid: options.uid ?? 0, gid: 0, console: 1, ...because }
    : { name: 'stdio', uid: options.uid ?? 0, gid: 0, ...because };

/** A container on `root` with its own namespaces, /proc and /dev. */
export function containerPlan(root: string, options: PlanOptions): Plan {
  return {
    prepare: options.prepare ?? [],
    clone: { name: 'clone', flags: allNamespaces, cgroup: '', ...because },
    init: [
      ...(options.host === undefined ? [] : [{ name: 'sync', ...because } as const]),
      { name: 'setsid', ...because },
      { name: 'setPropagation', path: '/', propagation: 1n << 18n, recursive: 1, ...because },
      { name: 'openRoot', path: root, bind: 1, ...because },
      fileSystem('proc', '/proc'),
      fileSystem('tmpfs', '/dev', ['mode=755', 'size=64k']),
      { name: 'mknodIn', path: '/dev/null', mode: 0o20666, major: 1, minor: 3, uid: 0, gid: 0, ...because },
      { name: 'mknodIn', path: '/dev/zero', mode: 0o20666, major: 1, minor: 5, uid: 0, gid: 0, ...because },
      fileSystem('devpts', '/dev/pts', ['newinstance', 'ptmxmode=0666', 'mode=0620']),
      ...(options.mounts ?? []),
      { name: 'maskPaths', paths: ['/proc/kcore', '/proc/keys', '/proc/scsi', '/nothing'], ...because },
      { name: 'readonlyPaths', paths: ['/proc/sys', '/proc/bus'], ...because },
      { name: 'sethostname', value: 'caisson', ...because },
      stdioOf(options),
      { name: 'pivotRoot', ...because },
      { name: 'chdir', path: '/', ...because },
      ...(options.extra ?? []),
      execve(options.argv),
    ],
    host: options.host ?? [],
    release: options.release ?? [],
  };
}

/** A process in a container that runs. */
export function execPlan(options: PlanOptions): Plan {
  return {
    prepare: [{ name: 'enter', flags: 0x20000000n, ...because }],
    clone: { name: 'clone', flags: 0n, cgroup: '', ...because },
    init: [
      { name: 'enter', flags: allNamespaces, ...because },
      { name: 'setsid', ...because },
      options.tty === true ? { name: 'terminal', columns: 100, rows: 40, uid: 0, gid: 0, console: 0, ...because } : stdioOf(options),
      ...(options.extra ?? []),
      execve(options.argv),
    ],
    host: [],
    release: [],
  };
}

export const noInput: StdioOptions = { tty: false, openStdin: false, stdinOnce: false };
export const onceInput: StdioOptions = { tty: false, openStdin: true, stdinOnce: true };
export const terminal: StdioOptions = { tty: true, openStdin: true, stdinOnce: true };

/** A launch request with the sandbox's paths; ids are made up from `number`. */
export function launchRequest(sandbox: Sandbox, number: number, plan: Plan, stdio: StdioOptions = noInput): LaunchRequest {
  const id = number.toString(16).padStart(64, '0');
  return {
    id,
    plan,
    stdio,
    log: { path: join(sandbox.directory, `${number}.log`), maxSize: 0, maxFiles: 1 },
    exitRecordPath: join(sandbox.directory, `${number}.exit`),
  };
}

/**
 * Ends the containers that tests have left running, and waits until they are released. A test that was given up in the middle leaves one,
 * and a shim outlives whoever started it: that is what it is for. The launcher has been closed, so that no spare is among them.
 */
export async function endContainers(launcher: Launcher, sandbox: Sandbox): Promise<void> {
  const sockets = readdirSync(join(sandbox.execRoot, 'shims')).filter((name) => name.endsWith('.sock'));
  for (const name of sockets) {
    const shim = await launcher.reconnect(name.slice(0, -'.sock'.length));
    await shim?.signal(9);
    await shim?.released;
  }
}
