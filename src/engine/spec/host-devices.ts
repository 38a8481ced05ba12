/** The devices below the host's /dev, for `--device` and `--privileged` (containerd pkg/oci utils_unix.go). */
import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../../errors.ts';
import type { OciDevice } from '../../runtime/oci.ts';
import type { DeviceSource } from './build.ts';
import type { HostDevice } from './devices.ts';

/** Directories whose content is a container's own, or no devices. */
const skippedDirectories = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev']);

/** major(3) and minor(3) of a 64-bit device number. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const bits = BigInt(rdev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}

function deviceOf(path: string, stats: Stats): OciDevice | undefined {
  const type = stats.isCharacterDevice() ? 'c' : stats.isBlockDevice() ? 'b' : undefined;
  return (
    type && { path, type, ...deviceNumbers(stats.rdev), fileMode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid }
  );
}

/**
 * Devices below a directory, with paths relative to it. Links are not followed: what they lead to has a name of its
 * own.
 */
function devicesBelow(directory: string, prefix = ''): OciDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const [path, name] = [join(directory, entry.name), `${prefix}${entry.name}`];
    if (entry.isDirectory()) return skippedDirectories.has(entry.name) ? [] : devicesBelow(path, `${name}/`);
    if (entry.name === 'console' || !(entry.isCharacterDevice() || entry.isBlockDevice())) return [];
    const device = deviceOf(name, lstatSync(path));
    return device === undefined ? [] : [device];
  });
}

function lookup(path: string): HostDevice {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { kind: 'missing' };
  if (stats.isDirectory()) return { kind: 'directory', devices: devicesBelow(path) };
  const device = deviceOf(path, stats);
  return device === undefined ? { kind: 'other' } : { kind: 'device', device };
}

/** Reads the host's /dev each time it is asked: devices come and go. */
const hostDevices: DeviceSource = {
  lookup,
  all: () => devicesBelow('/dev').map((device) => ({ ...device, path: `/dev/${device.path}` })),
  blockDevice(path) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) throw systemError(`stat ${path}: no such file or directory`, { object: path });
    return deviceNumbers(stats.rdev);
  },
};

export const deviceSource = (): DeviceSource => hostDevices;
