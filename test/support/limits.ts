/** A running container's limits, as the kernel has them: v1 files or v2 files, whichever hierarchy is in use. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { hierarchies } from './cgroups.ts';

/** Names of files and their contents without the last newline: those of v1, and those of v2 for the same limit. */
export interface Expected {
  readonly v1: Readonly<Record<string, string>>;
  readonly v2: Readonly<Record<string, string>>;
}

/** 2 when there is nothing but a unified hierarchy. */
export const cgroupVersion = (): 1 | 2 => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1);

/** The directory of a process's cgroup for a controller (v2: for all of them). */
export function cgroupOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n').map((line) => line.split(':'));
  const unified = cgroupVersion() === 2;
  const found = lines.find(([id, names = '']) => (unified ? id === '0' : names.split(',').includes(controller)));
  if (found === undefined) throw new Error(`process ${pid} has no cgroup for ${controller}`);
  const mountPoint = unified ? '/sys/fs/cgroup' : hierarchies().find((one) => path.basename(one).split(',').includes(controller));
  return path.join(mountPoint as string, ...found.slice(2));
}

/** What the files that `expected` names for this host say now; to be compared with `expectedHere`. */
export function readLimits(pid: number, expected: Expected): Record<string, string> {
  const names = Object.keys(expectedHere(expected));
  const read = (name: string) => readFileSync(path.join(cgroupOf(pid, name.split('.')[0] as string), name), 'utf8').trim();
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

export const expectedHere = ({ v1, v2 }: Expected): Readonly<Record<string, string>> => (cgroupVersion() === 1 ? v1 : v2);

/** A block device of this machine, for limits that are a device's; undefined where there is none. */
export function blockDevice(): { readonly path: string; readonly numbers: string } | undefined {
  for (const name of existsSync('/sys/block') ? readdirSync('/sys/block') : []) {
    const device = { path: `/dev/${name}`, numbers: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
    if (existsSync(device.path)) return device;
  }
  return undefined;
}
