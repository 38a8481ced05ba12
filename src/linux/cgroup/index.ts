/** The cgroups of this host. */
import { unavailable } from '../../errors.ts';
import { detectCgroups, type CgroupHost } from './detect.ts';
import type { CgroupDriver } from './driver.ts';
import { CgroupV1Driver } from './v1.ts';
import { CgroupV2Driver } from './v2.ts';

export type { CgroupDriver } from './driver.ts';
export type { CgroupLayout } from './layout.ts';
export { detectCgroups, type CgroupHost } from './detect.ts';

export interface CgroupDriverOptions {
  readonly host?: CgroupHost;
  /**
   * v1: where an empty directory for each hierarchy is kept, to be bound into containers. Several engines may share it.
   */
  readonly mountpointDirectory?: string;
  /** A file that tells the next daemon which parents this one has made. */
  readonly parentRecord?: string;
}

/**
 * The driver for what this host has mounted. The parent of containers' cgroups, such as `/caisson`, is made at once, so
 * that a host that refuses it says so now. Throws unavailable when there are no cgroups.
 */
export function createCgroupDriver(parent: string, options: CgroupDriverOptions = {}): CgroupDriver {
  const host = options.host ?? detectCgroups();
  const { mountpointDirectory = '/run/caisson/cgroup-mountpoints', parentRecord } = options;
  switch (host.kind) {
    case 'v1': return new CgroupV1Driver(host, parent, mountpointDirectory, parentRecord);
    case 'v2': return new CgroupV2Driver(host.mountPoint, parent, parentRecord);
    case 'none': throw unavailable('no cgroup hierarchy is mounted: mount one with `mount -t cgroup2 none /sys/fs/cgroup`');
  }
}
