/** What an engine whose containers are removed and whose daemon has ended still holds of the machine. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupsBelow } from './cgroups.ts';
import type { RunningEngine } from './engine.ts';
import { allProcesses, commandLine, namespaceOf, procFile } from './processes.ts';

/** Processes in the engine's namespaces, or that name its directories. */
function processes(engine: RunningEngine): string[] {
  const holder = engine.namespaces.pid;
  const [network, mount] = ['net', 'mnt'].map((kind) => namespaceOf(holder, kind));
  const belongs = (pid: number): boolean =>
    namespaceOf(pid, 'net') === network || namespaceOf(pid, 'mnt') === mount || commandLine(pid).includes(engine.scratch) || procFile(pid, 'mountinfo').includes(engine.scratch);
  return allProcesses()
    .filter((pid) => pid !== holder && pid !== process.pid && belongs(pid))
    .map((pid) => `process ${pid}: ${commandLine(pid)}`);
}

/** Mounts on or of anything inside the engine's roots. */
function mounts(pid: number | 'self', engine: RunningEngine): string[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  return lines.filter((line) => line.includes(`${engine.dataRoot}/`) || line.includes(`${engine.execRoot}/`)).map((line) => `mount: ${line}`);
}

function interfaces(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').trim().split('\n').slice(2);
  // tunl0, sit0 and the like come by themselves with every network namespace where their module is loaded.
  // The default network's bridge stays for the next daemon.
  const ofOurs = (name: string) => /^(caisson|veth|br-|docker)/.test(name) && !/^caisson[0-9a-f]{8}$/.test(name);
  return lines.map((line) => line.trim().split(':')[0] as string).filter(ofOurs).map((name) => `interface: ${name}`);
}

/** Entries of directories that hold nothing when no container is there. */
function files(engine: RunningEngine): string[] {
  const inside = (directory: string) => (existsSync(directory) ? readdirSync(directory, { recursive: true, withFileTypes: true }) : []);
  // The init stays for containers that outlive the daemon; it is one file, however many there were.
  const execFiles = inside(engine.execRoot).filter((entry) => !entry.isDirectory() && entry.name !== 'caisson-init');
  const containerFiles = inside(path.join(engine.dataRoot, 'containers'));
  return [...execFiles, ...containerFiles].map((entry) => `file: ${path.join(entry.parentPath, entry.name)}`);
}

/** Sentences; none when all is clean. */
export async function leftovers(engine: RunningEngine): Promise<string[]> {
  return [
    ...processes(engine),
    ...mounts('self', engine),
    ...mounts(engine.namespaces.pid, engine),
    ...cgroupsBelow(engine.cgroupParent).map((directory) => `cgroup: ${directory}`),
    ...interfaces(engine.namespaces.pid),
    ...files(engine),
  ];
}
