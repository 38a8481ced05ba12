/*
 * What the image has below a volume's mount point is copied into the volume when it is still empty. Everything is opened by
 * name in an open directory, without following links: a link in the image is copied as a link.
 */
#include "rootpath.h"
#include "sys.h"
#include <sys/stat.h>

#define MAX_DEPTH 128

/* getdents64(2) */
struct directory_entry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

typedef int entry_function(void *context, int directory, const char *name);

/* Calls `each` for the entries of a directory until one call fails. */
static int for_each_entry(int directory, entry_function *each, void *context)
{
  char buffer[4096] __attribute__((aligned(8)));
  for (;;) {
    long size = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
    if (size <= 0)
      return size < 0 ? -errno : 0;
    for (long at = 0; at < size;) {
      const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
      at += entry->size;
      if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        continue;
      int error = each(context, directory, entry->name);
      if (error != 0)
        return error;
    }
  }
}

static int any_entry(void *context, int directory, const char *name)
{
  (void)context;
  (void)directory;
  /* A new file system on a block device has this directory, and is empty all the same. */
  return strcmp(name, "lost+found") == 0 ? 0 : 1;
}

/* Extended attributes: capabilities and ACLs among them. Those that only overlayfs understands, or may set, stay behind. */
static int copy_attributes(int from, int to)
{
  char names[4096], value[4096];
  long size = syscall(SYS_flistxattr, from, names, sizeof names);
  for (const char *name = names; size > 0 && name < names + size; name = next_string(name)) {
    if (strncmp(name, "trusted.", 8) == 0 || strcmp(name, "security.selinux") == 0)
      continue;
    long length = syscall(SYS_fgetxattr, from, name, value, sizeof value);
    if (length >= 0 && syscall(SYS_fsetxattr, to, name, value, (size_t)length, 0) < 0 && errno != ENOTSUP && errno != EPERM)
      return -errno;
  }
  return 0;
}

/* Owner first: a change of owner takes set-user-ID bits and file capabilities away. */
static int dress(int from, int to, const struct stat *st)
{
  if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
    return -errno;
  int error = copy_attributes(from, to);
  const struct timespec times[2] = { st->st_atim, st->st_mtim };
  return error < 0 ? error : result(futimens(to, times));
}

static int copy_data(int from, int to, off_t left)
{
  while (left > 0) {
    long sent = syscall(SYS_sendfile, to, from, NULL, (size_t)(left < 1 << 30 ? left : 1 << 30));
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return -errno;
    if (sent == 0)
      break;
    left -= sent;
  }
  return 0;
}

struct copy {
  int to;
  int depth;
};

static int copy_entry(void *context, int directory, const char *name);

static int copy_directory(int from, int to, int depth)
{
  struct copy copy = { to, depth };
  struct stat st;
  if (depth > MAX_DEPTH)
    return -ELOOP;
  if (fstat(from, &st) < 0)
    return -errno;
  int error = for_each_entry(from, copy_entry, &copy);
  return error < 0 ? error : dress(from, to, &st);
}

/* A file or a directory: what has content to be opened. */
static int copy_opened(const struct copy *copy, int directory, const char *name, const struct stat *st)
{
  bool is_directory = S_ISDIR(st->st_mode);
  int kind = is_directory ? O_DIRECTORY : 0;
  CLOSE int from = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | kind);
  if (from < 0)
    return -errno;
  if (is_directory && mkdirat(copy->to, name, 0700) < 0 && errno != EEXIST)
    return -errno;
  CLOSE int to = is_directory ? openat(copy->to, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)
    : openat(copy->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (to < 0)
    return -errno;
  if (is_directory)
    return copy_directory(from, to, copy->depth + 1);
  int error = copy_data(from, to, st->st_size);
  return error < 0 ? error : dress(from, to, st);
}

static int copy_entry(void *context, int directory, const char *name)
{
  const struct copy *copy = context;
  struct stat st;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
    return copy_opened(copy, directory, name, &st);
  if (S_ISLNK(st.st_mode)) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory, name, target, sizeof target - 1);
    if (length < 0)
      return -errno;
    target[length] = 0;
    if (symlinkat(target, copy->to, name) < 0)
      return -errno;
  } else if (mknodat(copy->to, name, st.st_mode, st.st_rdev) < 0) {
    return errno == EPERM ? 0 : -errno; /* a device in a user namespace: it would be of no use there */
  }
  if (fchownat(copy->to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  const struct timespec times[2] = { st.st_atim, st.st_mtim };
  return result(utimensat(copy->to, name, times, AT_SYMLINK_NOFOLLOW));
}

int do_copy_up(struct runner *run, const struct op_copy_up *op)
{
  if (run->section != SECTION_INIT || op->slot >= SLOTS || run->slots[op->slot] < 0)
    return about(run, op->source, -EBADF);
  CLOSE int from = root_open(run, op->source, O_RDONLY | O_DIRECTORY);
  if (from == -ENOENT || from == -ENOTDIR)
    return 0; /* the image has nothing there */
  if (from < 0)
    return about(run, op->source, from);
  /* The tree's own descriptor is only a path; a volume that is one file has nothing to be filled with. */
  CLOSE int to = openat(run->slots[op->slot], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (to < 0)
    return errno == ENOTDIR ? 0 : about(run, op->source, -errno);
  int found = for_each_entry(to, any_entry, NULL);
  if (found != 0)
    return about(run, op->source, found < 0 ? found : 0);
  CLOSE int again = openat(run->slots[op->slot], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return about(run, op->source, again < 0 ? -errno : copy_directory(from, again, 0));
}
