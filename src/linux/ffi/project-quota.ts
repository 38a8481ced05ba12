/** Project quotas: the project of a directory (ioctl_fsgetxattr(2)) and its limits (quotactl_fd, kernel 5.14). */
import { ptr } from 'bun:ffi';
import { bindLibc, checked, syscallNumber } from './libc.ts';

const { ioctl } = bindLibc({ ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' } });
const { syscall: syscallQuotactlFd } = bindLibc({ syscall: { args: ['i64', 'i32', 'u32', 'u32', 'ptr'], returns: 'i32' } });
const numberOfQuotactlFd = syscallNumber(443);

/** linux/fs.h: _IOR('X', 31, struct fsxattr) and _IOW('X', 32, struct fsxattr), 28 bytes. */
const FS_IOC_FSGETXATTR = 0x801c581fn;
const FS_IOC_FSSETXATTR = 0x401c5820n;
const FS_XFLAG_PROJINHERIT = 0x200;

/** linux/quota.h, linux/dqblk_xfs.h: QCMD(command, PRJQUOTA). */
const PRJQUOTA = 2;
const Q_SETQUOTA = (0x800008 << 8) | PRJQUOTA;
const Q_XGETQSTAT = (0x5805 << 8) | PRJQUOTA;
const FS_QUOTA_PDQ_ENFD = 0x20;
const QIF_BLIMITS = 1;

const buffer = new ArrayBuffer(4096);
const bytes = new Uint8Array(buffer);
const view = new DataView(buffer);
const pointer = ptr(bytes);

/** The project that an open file or directory belongs to; 0 is none. */
export function projectOf(fd: number): number {
  checked(ioctl(fd, FS_IOC_FSGETXATTR, pointer), 'ioctl FS_IOC_FSGETXATTR');
  return view.getUint32(12, true);
}

/** Gives an open directory to a project, with all that is made in it from now on. */
export function setProject(fd: number, project: number): void {
  checked(ioctl(fd, FS_IOC_FSGETXATTR, pointer), 'ioctl FS_IOC_FSGETXATTR');
  view.setUint32(0, view.getUint32(0, true) | FS_XFLAG_PROJINHERIT, true);
  view.setUint32(12, project, true);
  checked(ioctl(fd, FS_IOC_FSSETXATTR, pointer), 'ioctl FS_IOC_FSSETXATTR');
}

/** Whether the file system that something open is on keeps projects to their limits. */
export function enforcesProjectQuotas(fd: number): boolean {
  bytes.fill(0, 0, 128);
  if (syscallQuotactlFd(numberOfQuotactlFd, fd, Q_XGETQSTAT, 0, pointer) < 0) return false;
  return (view.getUint16(2, true) & FS_QUOTA_PDQ_ENFD) !== 0;
}

/** Limits what a project may hold on the file system, in bytes; 0 lifts the limit. */
export function limitProject(fd: number, project: number, limit: number): void {
  bytes.fill(0, 0, 128);
  // struct if_dqblk: hard and soft limit in blocks of 1024 bytes, …, which of its fields are valid.
  const blocks = BigInt(Math.ceil(limit / 1024));
  view.setBigUint64(0, blocks, true);
  view.setBigUint64(8, blocks, true);
  view.setUint32(64, QIF_BLIMITS, true);
  checked(syscallQuotactlFd(numberOfQuotactlFd, fd, Q_SETQUOTA, project, pointer), 'quotactl Q_SETQUOTA');
}
