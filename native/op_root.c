/* Operations that build the container's root, all in the new process and its own mount namespace. */
#include "rootpath.h"
#include "sys.h"
#include <sys/stat.h>
#include <sys/vfs.h>

static int set_attributes(int mount, uint64_t attributes, bool recursive)
{
  if (attributes == 0)
    return 0;
  /* The access-time bits are one field: the old value has to be cleared together with setting the new one. */
  struct mount_attributes change = { .set = attributes, .clear = (attributes & ATTR_ATIME) != 0 ? ATTR_ATIME : 0 };
  return sys_mount_setattr(mount, recursive ? TREE_RECURSIVE : 0, change);
}

int do_open_root(struct runner *run, const struct op_open_root *op)
{
  if (run->section != SECTION_INIT || !on_host(run))
    return -EPERM;
  CLOSE int root = open(op->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return about(run, op->path, -errno);
  if (op->bind) {
    CLOSE int tree = sys_open_tree(root, "", TREE_CLONE | TREE_RECURSIVE | TREE_EMPTY_PATH);
    int error = tree < 0 ? tree : sys_move_mount(tree, root);
    if (error < 0)
      return about(run, op->path, error);
    close_fd(&root);
    root = take_fd(&tree);
  }
  close_fd(&run->root);
  run->root = take_fd(&root);
  return 0;
}

/* The path that a dangling link at `path` stands for, in place. */
static int splice_link(char path[PATH_MAX], int parent, const char *name)
{
  char target[PATH_MAX];
  ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
  if (length < 0)
    return errno == EINVAL ? -EEXIST : -errno;
  target[length] = 0;
  char *base = target[0] == '/' ? path : strrchr(path, '/');
  base = base == NULL || base == path ? path : base + 1;
  if ((size_t)(base - path) + (size_t)length >= PATH_MAX)
    return -ENAMETOOLONG;
  memcpy(base, target, (size_t)length + 1);
  return 0;
}

/*
 * A new file, for a mount of something that is no directory. A link that leads nowhere (resolv.conf of an image made from a
 * machine) is followed inside the root, each step by hand: open(2) itself would follow it out of the root.
 */
static int create_file(struct runner *run, const char *wanted)
{
  char path[PATH_MAX], name[NAME_MAX + 1];
  if (strlen(wanted) >= sizeof path)
    return -ENAMETOOLONG;
  memcpy(path, wanted, strlen(wanted) + 1);
  for (int links = 0; links < 40; links++) {
    CLOSE int parent = root_open_parent(run, path, name);
    if (parent < 0)
      return parent;
    int fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0755);
    if (fd >= 0 || errno != EEXIST)
      return fd >= 0 ? fd : -errno;
    int error = splice_link(path, parent, name);
    if (error < 0)
      return error;
  }
  return -ELOOP;
}

/* The place to mount on, made when missing. It is a descriptor: what is mounted there cannot be moved by a rename. */
static int open_target(struct runner *run, const char *path, bool directory, bool *existed)
{
  int fd = root_open(run, path, O_PATH);
  *existed = fd >= 0;
  if (fd != -ENOENT)
    return fd;
  if (directory)
    return root_open_directory(run, path);
  CLOSE int file = create_file(run, path);
  return file < 0 ? file : root_open(run, path, O_PATH);
}

static int configure(int context, const char *option)
{
  const char *value = strchr(option, '=');
  char key[256];
  if (value == NULL)
    return sys_fsconfig(context, FSCONFIG_FLAG, option, NULL);
  if ((size_t)(value - option) >= sizeof key)
    return -ENAMETOOLONG;
  memcpy(key, option, (size_t)(value - option));
  key[value - option] = 0;
  return sys_fsconfig(context, FSCONFIG_STRING, key, value + 1);
}

/* The mode of the directory that a tmpfs covers becomes its own, so that /tmp stays 01777. */
static int copy_mode(int context, int target)
{
  struct stat st;
  char digits[8] = { 0 };
  if (fstat(target, &st) < 0)
    return -errno;
  for (int i = 0; i < 4; i++)
    digits[i] = (char)('0' + ((st.st_mode >> (9 - 3 * i)) & 7));
  return sys_fsconfig(context, FSCONFIG_STRING, "mode", digits);
}

/* A mount of a file system, not attached anywhere yet. `target` is where it will go, or -1 when the mode is not asked for. */
static int new_file_system(struct runner *run, const struct op_mount_in *op, int target)
{
  CLOSE int context = sys_fsopen(op->type);
  if (context < 0)
    return about(run, op->type, context);
  if (op->source[0] != 0) {
    int error = sys_fsconfig(context, FSCONFIG_STRING, "source", op->source);
    if (error < 0)
      return about(run, op->source, error);
  }
  if (target >= 0) {
    int error = copy_mode(context, target);
    if (error < 0)
      return about(run, op->target, error);
  }
  FOR_EACH_STRING(option, op->options) {
    int error = configure(context, option);
    if (error < 0)
      return about(run, option, error);
  }
  int error = sys_fsconfig(context, FSCONFIG_CREATE, NULL, NULL);
  if (error < 0)
    return about(run, op->target, error);
  return about(run, op->target, sys_fsmount(context, (unsigned)op->attributes));
}

static int clone_source(struct runner *run, const struct op_mount_in *op)
{
  if (!on_host(run))
    return -EPERM;
  return about(run, op->source, sys_open_tree(AT_FDCWD, op->source, TREE_CLONE | (op->flags & MOUNT_IN_RECURSIVE ? TREE_RECURSIVE : 0)));
}

static bool is_directory(int fd)
{
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int attach(struct runner *run, const struct op_mount_in *op, int tree, int target, bool is_new)
{
  bool recursive = (op->flags & MOUNT_IN_ATTRIBUTES_RECURSIVE) != 0;
  int error = is_new ? 0 : set_attributes(tree, op->attributes, recursive);
  if (error == 0)
    error = sys_move_mount(tree, target);
  if (error == 0 && op->propagation != 0) {
    struct mount_attributes change = { .propagation = op->propagation & ~(uint64_t)MOUNT_REC };
    error = sys_mount_setattr(tree, op->propagation & MOUNT_REC ? TREE_RECURSIVE : 0, change);
  }
  return about(run, op->target, error);
}

static bool is_procfs(int fd)
{
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 && fs.f_type == MAGIC_PROC;
}

/* Files of /proc that tools such as lxcfs replace, and that no security decision reads (runc's list). */
static bool may_cover(const char *path)
{
  static const char *const harmless[] = {
    "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
    "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
  };
  for (size_t i = 0; i < ARRAY_LENGTH(harmless); i++)
    if (strcmp(path, harmless[i]) == 0)
      return true;
  return false;
}

/* Looked at before anything is made: a path that says itself that it is inside /proc. */
static bool names_proc_file(const char *target)
{
  return strncmp(target, "/proc/", 6) == 0 && target[6] != 0;
}

/*
 * What covers files of the container's /proc could fake what is written to and read from there on behalf of the container
 * (CVE-2019-16884): refused, by whatever name it is reached. `tree` is what is to be mounted, -1 when it is not made yet.
 */
static int check_proc(struct runner *run, const struct op_mount_in *op, int tree, int target)
{
  if (strcmp(op->target, "/proc") == 0)
    return tree < 0 ? (strcmp(op->type, "proc") == 0 ? 0 : -EXDEV) : is_procfs(tree) ? 0 : -EXDEV;
  if (!is_procfs(target) || (names_proc_file(op->target) && may_cover(op->target + 6)))
    return 0;
  /* Another procfs, bound somewhere else, may be covered: it is not what we use. */
  CLOSE int proc = root_open(run, "/proc", O_PATH | O_DIRECTORY);
  struct stat own, other;
  if (proc < 0 || fstat(proc, &own) < 0 || fstat(target, &other) < 0)
    return -EXDEV;
  return own.st_dev == other.st_dev ? -EXDEV : 0;
}

int do_mount_in(struct runner *run, const struct op_mount_in *op)
{
  bool optional = (op->flags & MOUNT_IN_OPTIONAL) != 0, existed = false;
  CLOSE int tree = -1;
  CLOSE int target = -1;
  bool is_bind = strcmp(op->type, "bind") == 0, is_slot = strcmp(op->type, "slot") == 0;
  if (is_slot) {
    if (op->slot < 0 || op->slot >= SLOTS || run->slots[op->slot] < 0)
      return about(run, op->target, -EBADF);
    tree = take_fd(&run->slots[op->slot]);
  } else if (is_bind) {
    tree = clone_source(run, op);
    if (tree == -ENOENT && optional)
      return 0;
    if (tree < 0)
      return tree;
  }
  if (names_proc_file(op->target) && !may_cover(op->target + 6))
    return about(run, op->target, -EXDEV);
  target = open_target(run, op->target, tree < 0 || is_directory(tree), &existed);
  if (target < 0)
    return about(run, op->target, target);
  int refused = check_proc(run, op, tree, target);
  if (refused < 0)
    return about(run, op->target, refused);
  if (tree < 0) {
    tree = new_file_system(run, op, existed && (op->flags & MOUNT_IN_COPY_TARGET_MODE) ? target : -1);
    if (tree == -ENODEV && optional)
      return 0;
    if (tree < 0)
      return tree;
  }
  return attach(run, op, tree, target, !is_bind && !is_slot);
}

/*
 * The device that hides files. It must be the real one: an image, or a container racing with the start of another one that
 * shares its mounts, could have put a link or another file there (CVE-2025-31133). Looked at by descriptor, which stays what
 * it is.
 */
static int checked_null(int fd)
{
  CLOSE int null = fd;
  struct stat st;
  if (null < 0 || fstat(null, &st) < 0)
    return null < 0 ? null : -errno;
  if (!S_ISCHR(st.st_mode) || st.st_rdev != device_number(1, 3))
    return -ENODEV;
  return take_fd(&null);
}

/* The container's own, or the host's where an image or a bind has put something else there. */
static int open_null(struct runner *run)
{
  int own = checked_null(root_open(run, "/dev/null", O_PATH | O_NOFOLLOW));
  if (own >= 0 || !on_host(run))
    return own;
  int host = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return checked_null(host < 0 ? -errno : host);
}

/*
 * Read-only, so that the container's root cannot change the mode or owner of a device that may be the host's own through the
 * masked path. Writing to a device needs no writable mount.
 */
static int clone_null(int null)
{
  CLOSE int tree = sys_open_tree(null, "", TREE_CLONE | TREE_EMPTY_PATH);
  int error = tree < 0 ? tree : set_attributes(tree, ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC, false);
  return error < 0 ? error : take_fd(&tree);
}

/* An empty read-only directory. The first is a new tmpfs; the others are clones of it, which cost less. */
static int empty_directory(int *shared)
{
  if (*shared >= 0)
    return sys_open_tree(*shared, "", TREE_CLONE | TREE_EMPTY_PATH);
  CLOSE int context = sys_fsopen("tmpfs");
  if (context < 0)
    return context;
  int error = sys_fsconfig(context, FSCONFIG_STRING, "source", "tmpfs");
  if (error == 0)
    error = sys_fsconfig(context, FSCONFIG_STRING, "nr_inodes", "2");
  if (error == 0)
    error = sys_fsconfig(context, FSCONFIG_CREATE, NULL, NULL);
  return error < 0 ? error : sys_fsmount(context, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
}

static bool is_missing(int error)
{
  return error == -ENOENT || error == -ENOTDIR;
}

int do_mask_paths(struct runner *run, const struct op_mask_paths *op)
{
  CLOSE int null = -1;
  CLOSE int shared = -1;
  FOR_EACH_STRING(path, op->paths) {
    CLOSE int target = root_open(run, path, O_PATH);
    CLOSE int tree = -1;
    if (is_missing(target))
      continue;
    if (target < 0)
      return about(run, path, target);
    if (is_directory(target)) {
      tree = empty_directory(&shared);
    } else {
      if (null < 0)
        null = open_null(run);
      tree = null < 0 ? null : clone_null(null);
    }
    int error = tree < 0 ? tree : sys_move_mount(tree, target);
    if (error < 0)
      return about(run, path, error);
    if (shared < 0 && is_directory(target))
      shared = take_fd(&tree);
  }
  return 0;
}

int do_readonly_paths(struct runner *run, const struct op_readonly_paths *op)
{
  FOR_EACH_STRING(path, op->paths) {
    CLOSE int target = root_open(run, path, O_PATH);
    if (is_missing(target))
      continue;
    if (target < 0)
      return about(run, path, target);
    CLOSE int tree = sys_open_tree(target, "", TREE_CLONE | TREE_RECURSIVE | TREE_EMPTY_PATH);
    int error = tree < 0 ? tree : set_attributes(tree, ATTR_RDONLY, true);
    if (error == 0)
      error = sys_move_mount(tree, target);
    if (error < 0)
      return about(run, path, error);
  }
  return 0;
}

/* Owner and mode of something that was just made; `directory` and `name` lead to it without following a link. */
static int dress(int directory, const char *name, uint32_t uid, uint32_t gid)
{
  if (uid == 0 && gid == 0)
    return 0;
  return fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int do_mkdir_in(struct runner *run, const struct op_mkdir_in *op)
{
  CLOSE int existing = root_open(run, op->path, O_PATH | O_DIRECTORY);
  if (existing >= 0)
    return 0;
  if (existing != -ENOENT)
    return about(run, op->path, existing);
  char name[NAME_MAX + 1];
  CLOSE int parent = root_open_parent(run, op->path, name);
  if (parent < 0)
    return about(run, op->path, parent);
  if (mkdirat(parent, name, op->mode) < 0) {
    /* A dangling link: what it points to is made instead. */
    CLOSE int made = errno == EEXIST ? root_open_directory(run, op->path) : -errno;
    return about(run, op->path, made < 0 ? made : 0);
  }
  return about(run, op->path, dress(parent, name, op->uid, op->gid));
}

int do_symlink_in(struct runner *run, const struct op_symlink_in *op)
{
  char name[NAME_MAX + 1];
  CLOSE int parent = root_open_parent(run, op->path, name);
  if (parent < 0)
    return about(run, op->path, parent);
  int error = result(symlinkat(op->to, parent, name));
  return error == -EEXIST ? 0 : about(run, op->path, error);
}

int do_mknod_in(struct runner *run, const struct op_mknod_in *op)
{
  char name[NAME_MAX + 1];
  CLOSE int parent = root_open_parent(run, op->path, name);
  if (parent < 0)
    return about(run, op->path, parent);
  int error = result(mknodat(parent, name, op->mode, device_number(op->major, op->minor)));
  if (error < 0)
    return about(run, op->path, error);
  return about(run, op->path, dress(parent, name, op->uid, op->gid));
}

int do_readonly_root(struct runner *run, const struct op_readonly_root *op)
{
  (void)op;
  int root = root_fd(run);
  return about(run, "/", root < 0 ? root : set_attributes(root, ATTR_RDONLY, false));
}

int do_pivot_root(struct runner *run, const struct op_pivot_root *op)
{
  (void)op;
  if (run->root < 0 || !on_host(run))
    return about(run, "/", -EPERM);
  CLOSE int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0 || fchdir(run->root) < 0)
    return about(run, "/", -errno);
  /* The old root lands on top of the new one at "/", so no directory is needed for it in the image. */
  int error = result(syscall(SYS_pivot_root, ".", "."));
  if (error < 0)
    return about(run, "pivot_root", error);
  if (fchdir(old) < 0)
    return about(run, "/", -errno);
  /* Detaching it must not reach the host's mounts by propagation. */
  struct mount_attributes change = { .propagation = MOUNT_SLAVE };
  error = sys_mount_setattr(old, TREE_RECURSIVE, change);
  if (error == 0)
    error = result(syscall(SYS_umount2, ".", UNMOUNT_DETACH));
  if (error == 0 && chdir("/") < 0)
    error = -errno;
  run->pivoted = error == 0;
  return about(run, "old root", error);
}
