/*
 * Every resolution is one openat2(2) with RESOLVE_IN_ROOT (5.6) from the root's descriptor: absolute links and ".." stay inside,
 * whatever another process renames meanwhile, and magic links of procfs are refused. Missing directories are made one by one,
 * each in a descriptor of its resolved parent: no path string is ever resolved twice with a decision in between.
 */
#include "rootpath.h"
#include "sys.h"
#include <sys/stat.h>

#define MAX_LINKS 40

int root_fd(struct runner *run)
{
  return run->root >= 0 ? run->root : -EBADF;
}

int root_open(struct runner *run, const char *path, uint64_t flags)
{
  int root = root_fd(run);
  if (root < 0)
    return root;
  /* openat2 answers EAGAIN when a rename or mount anywhere raced with a ".."; a few tries are enough in practice. */
  int fd = -EAGAIN;
  for (int i = 0; i < 128 && fd == -EAGAIN; i++)
    fd = sys_openat2(root, path[0] == 0 ? "/" : path, flags, 0, RESOLVE_ROOTED | RESOLVE_NO_MAGIC);
  return fd;
}

/* A walk: `done` leads to an existing directory, `rest` is still to go. Links are spliced into `rest`, as the kernel would. */
struct walk {
  char done[PATH_MAX];
  char rest[PATH_MAX];
  int links;
};

/* Cuts the next component off `rest`; false at the end. */
static bool next_component(struct walk *walk, char name[NAME_MAX + 1], int *error)
{
  char *start = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(start, "/");
  *error = length > NAME_MAX ? -ENAMETOOLONG : 0;
  if (length == 0 || length > NAME_MAX)
    return false;
  memcpy(name, start, length);
  name[length] = 0;
  memmove(walk->rest, start + length, strlen(start + length) + 1);
  return true;
}

static int append(char path[PATH_MAX], const char *name)
{
  size_t length = strlen(path), more = strlen(name);
  if (length + more + 2 > PATH_MAX)
    return -ENAMETOOLONG;
  path[length] = '/';
  memcpy(path + length + 1, name, more + 1);
  return 0;
}

/* `name` in `parent` exists but leads nowhere: a dangling link. What it points to is made, inside the root. */
static int follow_dangling(struct walk *walk, int parent, const char *name)
{
  char target[PATH_MAX];
  ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
  if (length < 0)
    return errno == EINVAL ? -ENOTDIR : -errno;
  target[length] = 0;
  if (++walk->links > MAX_LINKS)
    return -ELOOP;
  if (target[0] == '/')
    walk->done[0] = 0;
  int error = append(target, walk->rest);
  if (error == 0)
    memcpy(walk->rest, target, strlen(target) + 1);
  return error;
}

/* Goes one component down, making the directory when it is missing. */
static int descend(struct runner *run, struct walk *walk, const char *name)
{
  char next[PATH_MAX];
  memcpy(next, walk->done, strlen(walk->done) + 1);
  int error = append(next, name);
  if (error < 0)
    return error;
  CLOSE int found = root_open(run, next, O_PATH | O_DIRECTORY);
  if (found == -ENOENT) {
    CLOSE int parent = root_open(run, walk->done, O_PATH | O_DIRECTORY);
    if (parent < 0)
      return parent;
    if (mkdirat(parent, name, 0755) < 0)
      return errno == EEXIST ? follow_dangling(walk, parent, name) : -errno;
  } else if (found < 0) {
    return found;
  }
  memcpy(walk->done, next, strlen(next) + 1);
  return 0;
}

static int walk_start(struct walk *walk, const char *path)
{
  if (strlen(path) >= PATH_MAX)
    return -ENAMETOOLONG;
  memcpy(walk->rest, path, strlen(path) + 1);
  walk->done[0] = 0;
  walk->links = 0;
  return 0;
}

int root_open_directory(struct runner *run, const char *path)
{
  int fd = root_open(run, path, O_PATH | O_DIRECTORY);
  if (fd != -ENOENT)
    return fd;
  struct walk walk;
  char name[NAME_MAX + 1];
  int error = walk_start(&walk, path);
  while (error == 0 && next_component(&walk, name, &error))
    error = descend(run, &walk, name);
  return error < 0 ? error : root_open(run, walk.done, O_PATH | O_DIRECTORY);
}

int root_open_parent(struct runner *run, const char *path, char name[NAME_MAX + 1])
{
  char parent[PATH_MAX];
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/')
    length--;
  size_t start = length;
  while (start > 0 && path[start - 1] != '/')
    start--;
  if (length == 0 || length - start > NAME_MAX || start >= PATH_MAX)
    return length == 0 ? -EINVAL : -ENAMETOOLONG;
  memcpy(name, path + start, length - start);
  name[length - start] = 0;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return -EINVAL;
  memcpy(parent, path, start);
  parent[start] = 0;
  return root_open_directory(run, parent);
}
