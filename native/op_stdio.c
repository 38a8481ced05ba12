/*
 * Standard input, output and error of the new process. It makes the pipes or the terminal itself, within its own user
 * namespace (so that it may own them), and hands the shim's ends over on the status socket.
 */
#include "rootpath.h"
#include "sys.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

/* Sends up to three descriptors with one word of explanation. */
static int hand_over(int status, char word, const int *fds, size_t count)
{
  struct iovec content = { &word, 1 };
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(3 * sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = { .msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
  return sendmsg(status, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/*
 * /dev/stdout is a link to the pipe: opening it again asks for the user's right to it. Ids that the user namespace does not
 * have (EINVAL) or that belong to somebody else (EPERM) leave it as it is, as other engines do.
 */
static int own(int fd, uint32_t uid, uint32_t gid)
{
  if (fchown(fd, uid, gid) < 0 && errno != EINVAL && errno != EPERM)
    return -errno;
  return 0;
}

static int put_on(int fd, int number)
{
  return dup2(fd, number) < 0 ? -errno : 0;
}

int do_stdio(struct runner *run, const struct op_stdio *op)
{
  if (run->section != SECTION_INIT || run->status < 0)
    return -EINVAL;
  int ours[3] = { -1, -1, -1 };
  bool open_stdin = (run->stdio & STDIO_OPEN_STDIN) != 0;
  int error = 0;
  for (int i = 0; i < 3 && error == 0; i++) {
    int ends[2];
    /* Without input, 0 stays what the shim was born with: /dev/null. It is the host's device, and never to be chowned. */
    if (i == 0 && !open_stdin)
      continue;
    if (pipe2(ends, O_CLOEXEC) < 0) {
      error = -errno;
      break;
    }
    int theirs = ends[i == 0 ? 0 : 1];
    ours[i] = ends[i == 0 ? 1 : 0];
    error = own(theirs, op->uid, op->gid);
    if (error == 0)
      error = put_on(theirs, i);
    close(theirs);
  }
  if (error == 0)
    error = open_stdin ? hand_over(run->status, STATUS_PIPES, ours, 3) : hand_over(run->status, STATUS_PIPES, ours + 1, 2);
  for (int i = 0; i < 3; i++)
    close_fd(&ours[i]);
  return about(run, "stdio", error);
}

/*
 * The master of a new terminal, from the devpts in the root. The directory has to be a devpts, and ptmx has to be in it and
 * nothing mounted over it: what an image put there instead is never opened, not even to look (CVE-2025-52565).
 */
static int open_master(struct runner *run)
{
  CLOSE int directory = root_open(run, "/dev/pts", O_PATH | O_DIRECTORY);
  if (directory < 0)
    return directory;
  struct statfs fs;
  if (fstatfs(directory, &fs) < 0)
    return -errno;
  if (fs.f_type != MAGIC_DEVPTS)
    return -ENODEV;
  return sys_openat2(directory, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, 0, RESOLVE_NO_MOUNTS | RESOLVE_NO_MAGIC);
}

/* /dev/console is a mount of the terminal's very descriptor: no path to it is resolved, so none can be swapped. */
static int bind_console(struct runner *run, int terminal)
{
  char name[NAME_MAX + 1];
  CLOSE int parent = root_open_parent(run, "/dev/console", name);
  if (parent < 0)
    return parent;
  CLOSE int made = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0600);
  if (made < 0 && errno != EEXIST)
    return -errno;
  CLOSE int target = sys_openat2(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_MAGIC);
  if (target < 0)
    return target;
  CLOSE int tree = sys_open_tree(terminal, "", TREE_CLONE | TREE_EMPTY_PATH);
  return tree < 0 ? tree : sys_move_mount(tree, target);
}

int do_terminal(struct runner *run, const struct op_terminal *op)
{
  if (run->section != SECTION_INIT || run->status < 0)
    return -EINVAL;
  CLOSE int master = open_master(run);
  if (master < 0)
    return about(run, "/dev/pts/ptmx", master);
  int unlock = 0;
  if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
    return about(run, "/dev/pts/ptmx", -errno);
  /* TIOCGPTPEER (4.13) opens the other side without its path. */
  CLOSE int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0)
    return about(run, "/dev/pts", -errno);
  struct winsize size = { .ws_row = (unsigned short)op->rows, .ws_col = (unsigned short)op->columns };
  if (op->rows != 0 && op->columns != 0 && ioctl(master, TIOCSWINSZ, &size) < 0)
    return about(run, "/dev/pts", -errno);
  int error = own(terminal, op->uid, op->gid);
  if (error == 0 && op->console)
    error = about(run, "/dev/console", bind_console(run, terminal));
  if (error == 0 && ioctl(terminal, TIOCSCTTY, 0) < 0)
    error = about(run, "controlling terminal", -errno);
  for (int i = 0; i < 3 && error == 0; i++)
    error = put_on(terminal, i);
  if (error == 0)
    error = hand_over(run->status, STATUS_TERMINAL, &master, 1);
  return error < 0 && run->object[0] == 0 ? about(run, "/dev/pts", error) : error;
}
