/* Operations on namespaces, and on the mounts and user namespaces kept in slots. */
#include "plan.h"
#include "sys.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/*
 * What the shim may change in `prepare` and change back after the clone. Pid and time namespaces can only be entered by being
 * born there; the others because a process that is cloned into a new user namespace has no right to join the host's any more.
 * A user or mount namespace is not among them: the shim could not, or not safely, come back.
 */
static const struct {
  int type;
  const char *own;
} movable[NAMESPACE_KINDS] = {
  { CLONE_NEWPID, "/proc/self/ns/pid" },
  { CLONE_NEWTIME, "/proc/self/ns/time" },
  { CLONE_NEWNET, "/proc/self/ns/net" },
  { CLONE_NEWIPC, "/proc/self/ns/ipc" },
  { CLONE_NEWUTS, "/proc/self/ns/uts" },
};

/* Before a change: keeps the way back. The new process itself needs none. */
static int may_change(struct runner *run, uint64_t flags)
{
  if (run->section == SECTION_INIT)
    return 0;
  if (run->section != SECTION_PREPARE)
    return -EINVAL;
  for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
    if ((flags & (uint64_t)movable[i].type) == 0)
      continue;
    flags &= ~(uint64_t)movable[i].type;
    if (run->own_namespaces[i] < 0)
      run->own_namespaces[i] = open(movable[i].own, O_RDONLY | O_CLOEXEC);
    if (run->own_namespaces[i] < 0)
      return about(run, movable[i].own, -errno);
  }
  return flags == 0 ? 0 : -EINVAL;
}

int runner_return(struct runner *run)
{
  for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
    if (run->own_namespaces[i] >= 0 && setns(run->own_namespaces[i], movable[i].type) < 0)
      return about(run, movable[i].own, -errno);
    close_fd(&run->own_namespaces[i]);
  }
  return 0;
}

int do_setns(struct runner *run, const struct op_setns *op)
{
  if (!on_host(run))
    return -EPERM;
  int error = may_change(run, op->type);
  if (error < 0)
    return error;
  CLOSE int fd = open(op->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return about(run, op->path, -errno);
  return about(run, op->path, result(setns(fd, (int)op->type)));
}

int do_enter(struct runner *run, const struct op_enter *op)
{
  int error = run->container < 0 ? -EINVAL : may_change(run, op->flags);
  if (error < 0)
    return error;
  /*
   * From here on the process is visible to the container's. It is not dumpable (main.c), so that none of them, not even its
   * root, can trace it or open its descriptors before execve (CVE-2016-9962).
   */
  error = result(setns(run->container, (int)op->flags));
  if (error == 0 && run->section == SECTION_INIT && (op->flags & CLONE_NEWNS) != 0) {
    run->pivoted = true;
    close_fd(&run->root);
    run->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    error = run->root < 0 ? -errno : 0;
  }
  return about(run, "namespaces of the container", error);
}

int do_unshare(struct runner *run, const struct op_unshare *op)
{
  int error = may_change(run, op->flags);
  return error < 0 ? error : result(syscall(SYS_unshare, (unsigned long)op->flags));
}

int do_sync(struct runner *run, const struct op_sync *op)
{
  (void)op;
  if (run->section != SECTION_INIT)
    return -EINVAL;
  char word = 0;
  ssize_t got;
  do
    got = recv(run->status, &word, 1, 0);
  while (got < 0 && errno == EINTR);
  /* No answer: the host section failed, which the shim reports itself, or the shim is gone. */
  return got == 1 && word == STATUS_GO ? 0 : -ECANCELED;
}

int do_setsid(struct runner *run, const struct op_setsid *op)
{
  (void)op;
  if (run->section != SECTION_INIT)
    return -EINVAL;
  return result(setsid());
}

int do_session_keyring(struct runner *run, const struct op_session_keyring *op)
{
  enum { JOIN_SESSION_KEYRING = 1 };
  int error = result(syscall(SYS_keyctl, JOIN_SESSION_KEYRING, op->value));
  return error == -ENOSYS || error == -EPERM ? 0 : about(run, op->value, error);
}

static int slot_put(struct runner *run, uint32_t slot, int fd)
{
  if (fd < 0)
    return fd;
  if (slot >= SLOTS) {
    close(fd);
    return -EINVAL;
  }
  close_fd(&run->slots[slot]);
  run->slots[slot] = fd;
  return 0;
}

/* Writes both maps of a process and opens its user namespace. */
static int map_user_namespace(struct runner *run, pid_t pid, const struct op_make_user_namespace *op)
{
  char directory[32];
  struct text text = TEXT(directory);
  text_add(&text, "/proc/");
  text_number(&text, (uint64_t)pid, 1);
  CLOSE int proc = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0)
    return about(run, "/proc", -errno);
  const char *files[2][2] = { { "uid_map", op->uid_map }, { "gid_map", op->gid_map } };
  for (int i = 0; i < 2; i++) {
    CLOSE int fd = openat(proc, files[i][0], O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, files[i][1], strlen(files[i][1])) < 0)
      return about(run, files[i][0], -errno);
  }
  int fd = openat(proc, "ns/user", O_RDONLY | O_CLOEXEC);
  return fd < 0 ? about(run, "ns/user", -errno) : fd;
}

int do_make_user_namespace(struct runner *run, const struct op_make_user_namespace *op)
{
  if (run->section != SECTION_PREPARE)
    return -EINVAL;
  /* A namespace begins with a process in it; this one waits to be killed and does nothing else. */
  struct clone_arguments arguments = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
  pid_t pid = (pid_t)syscall(SYS_NUMBER_clone3, &arguments, sizeof arguments);
  if (pid < 0)
    return about(run, "user namespace", -errno);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  int fd = map_user_namespace(run, pid, op);
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  return slot_put(run, op->slot, fd);
}

static int keep_tree(struct runner *run, int from, const struct op_open_tree *op)
{
  unsigned flags = (op->recursive ? TREE_RECURSIVE : 0) | (from == AT_FDCWD ? 0 : TREE_EMPTY_PATH);
  CLOSE int tree = sys_open_tree(from, from == AT_FDCWD ? op->path : "", TREE_CLONE | flags);
  if (tree < 0)
    return about(run, op->path, tree);
  if (op->idmap >= 0) {
    if (op->idmap >= SLOTS || run->slots[op->idmap] < 0)
      return about(run, op->path, -EBADF);
    struct mount_attributes attributes = { .set = ATTR_IDMAP, .userns = (uint64_t)run->slots[op->idmap] };
    int error = sys_mount_setattr(tree, op->recursive ? TREE_RECURSIVE : 0, attributes);
    if (error < 0)
      return about(run, op->path, error);
  }
  return slot_put(run, op->slot, take_fd(&tree));
}

int do_open_tree(struct runner *run, const struct op_open_tree *op)
{
  return on_host(run) ? keep_tree(run, AT_FDCWD, op) : -EPERM;
}

/* What is in the directory is a container's: one resolution, and what it has found is what is cloned. */
int do_open_tree_beneath(struct runner *run, const struct op_open_tree_beneath *op)
{
  if (!on_host(run))
    return -EPERM;
  CLOSE int directory = open(op->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return about(run, op->directory, -errno);
  CLOSE int found = -EAGAIN;
  /* openat2 answers EAGAIN when a rename or mount anywhere raced with a "..". */
  for (int tries = 0; found == -EAGAIN && tries < 100; tries++)
    found = sys_openat2(directory, op->path, O_PATH | O_CLOEXEC, 0, RESOLVE_INSIDE | RESOLVE_NO_MAGIC);
  if (found < 0)
    return about(run, op->path, found);
  const struct op_open_tree tree = { .slot = op->slot, .path = op->path, .recursive = op->recursive, .idmap = op->idmap };
  return keep_tree(run, found, &tree);
}

int do_attach_tree(struct runner *run, const struct op_attach_tree *op)
{
  if (!on_host(run))
    return -EPERM;
  if (op->slot >= SLOTS || run->slots[op->slot] < 0)
    return -EBADF;
  CLOSE int target = open(op->target, O_PATH | O_CLOEXEC);
  return about(run, op->target, target < 0 ? -errno : sys_move_mount(run->slots[op->slot], target));
}
