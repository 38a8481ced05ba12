/*
 * The kernel's interfaces that C libraries do not have, or have under headers that cannot be included together. Numbers and
 * layouts are the kernel's stable ABI; system calls from 424 on have one number on every architecture.
 */
#pragma once
#include "util.h"
#include <sys/syscall.h>

#define SYS_NUMBER_pidfd_send_signal 424
#define SYS_NUMBER_open_tree 428
#define SYS_NUMBER_move_mount 429
#define SYS_NUMBER_fsopen 430
#define SYS_NUMBER_fsconfig 431
#define SYS_NUMBER_fsmount 432
#define SYS_NUMBER_pidfd_open 434
#define SYS_NUMBER_clone3 435
#define SYS_NUMBER_close_range 436
#define SYS_NUMBER_openat2 437
#define SYS_NUMBER_mount_setattr 442

/* clone3(2) */
struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_NEWNS
#define CLONE_NEWNS 0x00020000
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_NEWUSER
#define CLONE_NEWUSER 0x10000000
#endif
#ifndef CLONE_NEWPID
#define CLONE_NEWPID 0x20000000
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#define CLONE3_INTO_CGROUP 0x200000000ull

/* openat2(2) */
struct open_request {
  uint64_t flags, mode, resolve;
};
#define RESOLVE_NO_MOUNTS 0x01
#define RESOLVE_NO_MAGIC 0x02
#define RESOLVE_INSIDE 0x08 /* RESOLVE_BENEATH */
#define RESOLVE_ROOTED 0x10

/* mounts by descriptor: fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2) */
#define FS_CLOEXEC 1
#define FSCONFIG_FLAG 0
#define FSCONFIG_STRING 1
#define FSCONFIG_CREATE 6
#define TREE_CLONE 1
#define TREE_CLOEXEC O_CLOEXEC
#define TREE_RECURSIVE 0x8000
#define TREE_EMPTY_PATH 0x1000
#define MOVE_FROM_EMPTY 0x04
#define MOVE_TO_EMPTY 0x40
struct mount_attributes {
  uint64_t set, clear, propagation, userns;
};
#define ATTR_RDONLY 0x01
#define ATTR_NOSUID 0x02
#define ATTR_NODEV 0x04
#define ATTR_NOEXEC 0x08
#define ATTR_ATIME 0x70
#define ATTR_IDMAP 0x100000
#define MOUNT_REC 0x4000
#define MOUNT_SLAVE 0x80000
#define UNMOUNT_DETACH 2
#define UNMOUNT_NOFOLLOW 8

#define MAGIC_PROC 0x9fa0
#define MAGIC_DEVPTS 0x1cd1

/* close_range(2) */
#define CLOSE_RANGE_ON_EXEC 4

/* capset(2), version 3 */
struct capability_header {
  uint32_t version;
  int32_t pid;
};
struct capability_set {
  uint32_t effective, permitted, inheritable;
};
#define CAPABILITY_VERSION 0x20080522

static inline int sys_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
  struct open_request how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
  return result(syscall(SYS_NUMBER_openat2, directory, path, &how, sizeof how));
}

static inline int sys_open_tree(int directory, const char *path, unsigned flags)
{
  return result(syscall(SYS_NUMBER_open_tree, directory, path, flags | TREE_CLOEXEC));
}

/* Attaches the detached mount `tree` onto the place that `target` is open at. */
static inline int sys_move_mount(int tree, int target)
{
  return result(syscall(SYS_NUMBER_move_mount, tree, "", target, "", MOVE_FROM_EMPTY | MOVE_TO_EMPTY));
}

static inline int sys_fsopen(const char *type)
{
  return result(syscall(SYS_NUMBER_fsopen, type, FS_CLOEXEC));
}

static inline int sys_fsconfig(int context, unsigned command, const char *key, const char *value)
{
  return result(syscall(SYS_NUMBER_fsconfig, context, command, key, value, 0));
}

static inline int sys_fsmount(int context, unsigned attributes)
{
  return result(syscall(SYS_NUMBER_fsmount, context, FS_CLOEXEC, attributes));
}

static inline int sys_mount_setattr(int mount, unsigned flags, struct mount_attributes attributes)
{
  return result(syscall(SYS_NUMBER_mount_setattr, mount, "", flags | TREE_EMPTY_PATH, &attributes, sizeof attributes));
}

static inline int sys_pidfd_send_signal(int pidfd, int signal)
{
  return result(syscall(SYS_NUMBER_pidfd_send_signal, pidfd, signal, NULL, 0));
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
  return result(syscall(SYS_NUMBER_close_range, first, last, flags));
}
