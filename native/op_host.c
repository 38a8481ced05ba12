/* Operations on the host's side: files, cgroups, mounts by path. Their paths come from the engine alone, never from an image. */
#include "plan.h"
#include "sys.h"
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int do_mkdir(struct runner *run, const struct op_mkdir *op)
{
  if (!on_host(run))
    return -EPERM;
  int error = result(mkdir(op->path, op->mode));
  return error == -EEXIST ? 0 : about(run, op->path, error);
}

static void sleep_ms(int milliseconds)
{
  poll(NULL, 0, milliseconds);
}

/* getdents64(2) */
struct directory_entry {
  uint64_t inode;
  int64_t next;
  unsigned short size;
  unsigned char type;
  char name[];
};
#define ENTRY_DIRECTORY 4

/* A container may have made a group in its group in its group …; a deeper one is the user's own affair. */
#define NESTED 32

/* Removes the directories below an open one, deepest first. What is busy stays, and with it what it is in. */
static void remove_nested(int directory, int depth)
{
  _Alignas(struct directory_entry) char entries[2048];
  long size;
  while ((size = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
    for (long at = 0; at < size;) {
      const struct directory_entry *entry = (const struct directory_entry *)(entries + at);
      at += entry->size;
      if (entry->type != ENTRY_DIRECTORY || strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        continue;
      CLOSE int nested = depth == 0 ? -1 : openat(directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (nested >= 0)
        remove_nested(nested, depth - 1);
      syscall(SYS_unlinkat, directory, entry->name, AT_REMOVEDIR);
    }
  }
}

/*
 * A cgroup is busy while others are in it, and until the kernel has finished with its last task, shortly after the shim has reaped
 * it. Waits of 1, 2, 4 … 64 ms, two seconds in all; the first tries are immediate, because most often it is already free.
 */
int do_rmdir(struct runner *run, const struct op_rmdir *op)
{
  if (!on_host(run))
    return -EPERM;
  int error = 0;
  for (int waited = 0, pause = 0; waited < 2000; waited += pause) {
    error = result(rmdir(op->path));
    if (error != -EBUSY)
      break;
    CLOSE int directory = open(op->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0)
      remove_nested(directory, NESTED);
    pause = pause == 0 ? 1 : pause < 64 ? pause * 2 : 64;
    sleep_ms(pause);
  }
  return error == -ENOENT ? 0 : about(run, op->path, error);
}

/*
 * For one write(2): the kernel's files take a value in one piece. A path below /proc must lead to a procfs, so that no mount over
 * it can turn the write into one to another file (CVE-2025-52881, CVE-2019-16884).
 */
static int open_file(const char *path, int flags, mode_t mode)
{
  CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, mode);
  if (fd < 0)
    return -errno;
  if (strncmp(path, "/proc/", 6) == 0) {
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
      return -errno;
    if (fs.f_type != MAGIC_PROC)
      return -EXDEV;
  }
  return take_fd(&fd);
}

static int write_value(int fd, const char *data)
{
  size_t size = strlen(data);
  ssize_t written = write(fd, data, size);
  if (written < 0)
    return -errno;
  return (size_t)written == size ? 0 : -EIO;
}

static int write_file(const char *path, const char *data)
{
  CLOSE int fd = open_file(path, 0, 0);
  return fd < 0 ? fd : write_value(fd, data);
}

int do_write_file(struct runner *run, const struct op_write_file *op)
{
  if (!on_host(run))
    return -EPERM;
  if (op->create || run->section != SECTION_PREPARE) {
    CLOSE int fd = open_file(op->path, op->create ? O_CREAT | O_TRUNC : 0, op->mode);
    return about(run, op->path, fd < 0 ? fd : write_value(fd, op->data));
  }
  /* A dozen rules go to `devices.allow` one after the other. */
  if (run->written_fd < 0 || strcmp(run->written, op->path) != 0) {
    close_fd(&run->written_fd);
    run->written = op->path;
    run->written_fd = open_file(op->path, 0, 0);
    if (run->written_fd < 0)
      return about(run, op->path, run->written_fd);
  }
  return about(run, op->path, write_value(run->written_fd, op->data));
}

int do_write_process(struct runner *run, const struct op_write_process *op)
{
  if (run->section != SECTION_HOST || strchr(op->file, '/') != NULL)
    return -EINVAL;
  /* The process is the shim's child and not yet reaped, so the number cannot be another's. */
  struct text path = TEXT(run->object_text);
  text_add(&path, "/proc/");
  text_number(&path, (uint64_t)run->child, 1);
  text_add(&path, "/");
  text_add(&path, op->file);
  return about(run, run->object_text, write_file(run->object_text, op->data));
}

int do_join_cgroup(struct runner *run, const struct op_join_cgroup *op)
{
  if (!on_host(run) || run->section == SECTION_HOST || run->section == SECTION_RELEASE)
    return -EINVAL;
  CLOSE int fd = open(op->path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return about(run, op->path, -errno);
  if (run->section == SECTION_INIT)
    return about(run, op->path, write(fd, "0", 1) == 1 ? 0 : -errno);
  if (run->join_count == JOINS)
    return about(run, op->path, -E2BIG);
  run->joins[run->join_count++] = take_fd(&fd);
  return 0;
}

int do_mount(struct runner *run, const struct op_mount *op)
{
  if (!on_host(run))
    return -EPERM;
  /* Overlay's options hold a path per layer and must fit a page: they are relative to where the layers are. */
  if (op->cwd[0] != 0 && chdir(op->cwd) < 0)
    return about(run, op->cwd, -errno);
  const char *data = op->data[0] == 0 ? NULL : op->data;
  int error = result(syscall(SYS_mount, op->source, op->target, op->type, (unsigned long)op->flags, data));
  if (op->cwd[0] != 0 && chdir("/") < 0)
    return about(run, "/", -errno);
  return about(run, op->target, error);
}

int do_unmount(struct runner *run, const struct op_unmount *op)
{
  if (!on_host(run))
    return -EPERM;
  /*
   * The last reference to an overlay writes all dirty files of the file system below it to the disk, which may take long. In
   * `release` the shim keeps it until it has said that the name is free.
   */
  CLOSE int last = -1;
  if (run->section == SECTION_RELEASE && (op->flags & UNMOUNT_DETACH) != 0 && run->join_count < JOINS)
    last = open(op->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int error = result(syscall(SYS_umount2, op->path, op->flags | UNMOUNT_NOFOLLOW));
  if (error == 0 && last >= 0)
    run->joins[run->join_count++] = take_fd(&last);
  return error == -EINVAL || error == -ENOENT ? 0 : about(run, op->path, error);
}

int do_set_propagation(struct runner *run, const struct op_set_propagation *op)
{
  if (!on_host(run))
    return -EPERM;
  CLOSE int fd = open(op->path, O_PATH | O_CLOEXEC);
  if (fd < 0)
    return about(run, op->path, -errno);
  struct mount_attributes attributes = { .propagation = op->propagation & ~(uint64_t)MOUNT_REC };
  return about(run, op->path, sys_mount_setattr(fd, op->recursive ? TREE_RECURSIVE : 0, attributes));
}

/* Sends SIGKILL to every process that `cgroup.procs` lists; how many there were, or -errno. */
static int kill_listed(const char *path)
{
  char list[4096];
  ssize_t size = read_small(path, list, sizeof list);
  if (size < 0)
    return (int)size;
  /* A full buffer may end within a number: what is behind the last newline is left for the next round. */
  char *last = strrchr(list, '\n');
  if (last != NULL)
    last[1] = 0;
  int count = 0;
  for (const char *at = list; *at != 0; at++) {
    uint64_t pid;
    if (!parse_number(&at, &pid) || *at != '\n')
      break;
    /* 0 is a process of a pid namespace that is not below ours; 1 could only be ours. */
    if (pid > 1 && pid != (uint64_t)getpid()) {
      kill((pid_t)pid, SIGKILL);
      count++;
    }
  }
  return count;
}

int do_kill_cgroup(struct runner *run, const struct op_kill_cgroup *op)
{
  if (!on_host(run))
    return -EPERM;
  struct text path = TEXT(run->object_text);
  text_add(&path, op->path);
  char *end = path.at;
  text_add(&path, "/cgroup.kill"); /* v2, since 5.14: all at once, no fork can escape */
  if (write_file(run->object_text, "1") == 0)
    return 0;
  path.at = end;
  text_add(&path, "/cgroup.procs");
  int listed = 0;
  for (int waited = 0; waited < 2000; waited += 2) {
    listed = kill_listed(run->object_text);
    if (listed <= 0)
      break;
    sleep_ms(2);
  }
  return listed == -ENOENT ? 0 : about(run, op->path, listed > 0 ? -EBUSY : listed);
}

/* bpf(2): the leading members of union bpf_attr that the two commands use. */
struct bpf_load {
  uint32_t type, count;
  uint64_t instructions, license;
  uint32_t log_level, log_size;
  uint64_t log;
  uint32_t kernel_version, flags;
};
struct bpf_attach {
  uint32_t target, program, type, flags;
};
enum { BPF_LOAD = 5, BPF_ATTACH = 8, BPF_TYPE_CGROUP_DEVICE = 15, BPF_ATTACH_CGROUP_DEVICE = 6, BPF_ALLOW_MULTI = 2 };

int do_device_filter(struct runner *run, const struct op_device_filter *op)
{
  if (!on_host(run) || op->program.size % 8 != 0)
    return -EINVAL;
  CLOSE int cgroup = open(op->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0)
    return about(run, op->cgroup, -errno);
  struct bpf_load load = {
    .type = BPF_TYPE_CGROUP_DEVICE,
    .count = op->program.size / 8,
    .instructions = (uintptr_t)op->program.data,
    .license = (uintptr_t)"Apache-2.0",
  };
  CLOSE int program = (int)syscall(SYS_bpf, BPF_LOAD, &load, sizeof load);
  if (program < 0)
    return about(run, "device filter", -errno);
  struct bpf_attach attach = {
    .target = (uint32_t)cgroup,
    .program = (uint32_t)program,
    .type = BPF_ATTACH_CGROUP_DEVICE,
    .flags = BPF_ALLOW_MULTI,
  };
  return about(run, op->cgroup, result(syscall(SYS_bpf, BPF_ATTACH, &attach, sizeof attach)));
}
