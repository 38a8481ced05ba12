/** Flags of clone(2), unshare(2) and setns(2) that make or name a namespace (linux/sched.h). */
export const cloneFlag = {
  /** Linux 5.6. Not for clone(2), whose low byte is the exit signal: clone3(2) and unshare(2). */
  CLONE_NEWTIME: 0x00000080,
  CLONE_NEWNS: 0x00020000,
  CLONE_NEWCGROUP: 0x02000000,
  CLONE_NEWUTS: 0x04000000,
  CLONE_NEWIPC: 0x08000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
} as const;
