/** File systems that people keep containers on. */
import { statfsSync } from 'node:fs';
import { fileSystemMagic } from '../linux/ffi/files.ts';

/** Docker's names. */
const names: Readonly<Record<number, string>> = {
  [fileSystemMagic.ext4]: 'extfs', [fileSystemMagic.xfs]: 'xfs', [fileSystemMagic.btrfs]: 'btrfs', [fileSystemMagic.tmpfs]: 'tmpfs',
  [fileSystemMagic.overlay]: 'overlayfs', [fileSystemMagic.zfs]: 'zfs',
};

export const fileSystemName = (path: string): string => names[statfsSync(path).type] ?? '<unknown>';
