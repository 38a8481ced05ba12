/* Operations on what the new process is and may do, and execve itself. */
#include "plan.h"
#include "sys.h"
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#endif

/* All of these change the process that calls them: never the shim. */
#define ONLY_INIT(run) \
  do { \
    if ((run)->section != SECTION_INIT) \
      return -EINVAL; \
  } while (0)

int do_sethostname(struct runner *run, const struct op_sethostname *op)
{
  ONLY_INIT(run);
  return about(run, op->value, result(syscall(SYS_sethostname, op->value, strlen(op->value))));
}

int do_setdomainname(struct runner *run, const struct op_setdomainname *op)
{
  ONLY_INIT(run);
  return about(run, op->value, result(syscall(SYS_setdomainname, op->value, strlen(op->value))));
}

int do_setrlimit(struct runner *run, const struct op_setrlimit *op)
{
  /* From the host section they are the new process's: in its user namespace it could not raise them itself. */
  if (run->section != SECTION_INIT && run->section != SECTION_HOST)
    return -EINVAL;
  uint64_t limits[2] = { op->soft, op->hard };
  pid_t process = run->section == SECTION_HOST ? run->child : 0;
  return about(run, "resource limit", result(syscall(SYS_prlimit64, process, op->resource, limits, NULL)));
}

int do_umask(struct runner *run, const struct op_umask *op)
{
  ONLY_INIT(run);
  umask(op->mask & 0777);
  run->umask_set = true;
  return 0;
}

int do_bound_capabilities(struct runner *run, const struct op_bound_capabilities *op)
{
  ONLY_INIT(run);
  for (unsigned long capability = 0; capability < 64; capability++) {
    if ((op->keep >> capability & 1) != 0)
      continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
      return errno == EINVAL ? 0 : about(run, "capability", -errno); /* EINVAL: behind the last one this kernel has */
  }
  return 0;
}

int do_setuser(struct runner *run, const struct op_setuser *op)
{
  ONLY_INIT(run);
  /* Capabilities survive the change of user here, and are set exactly by setCapabilities afterwards; execve ends the grace. */
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return about(run, "user", -errno);
  if (op->setgroups && syscall(SYS_setgroups, (size_t)op->groups.count, op->groups.data) < 0)
    return about(run, "supplementary groups", -errno);
  if (syscall(SYS_setresgid, op->gid, op->gid, op->gid) < 0)
    return about(run, "group", -errno);
  return about(run, "user", result(syscall(SYS_setresuid, op->uid, op->uid, op->uid)));
}

int do_set_capabilities(struct runner *run, const struct op_set_capabilities *op)
{
  ONLY_INIT(run);
  struct capability_header header = { CAPABILITY_VERSION, 0 };
  struct capability_set sets[2] = {
    { (uint32_t)op->effective, (uint32_t)op->permitted, (uint32_t)op->inheritable },
    { (uint32_t)(op->effective >> 32), (uint32_t)(op->permitted >> 32), (uint32_t)(op->inheritable >> 32) },
  };
  if (syscall(SYS_capset, &header, sets) < 0)
    return about(run, "capabilities", -errno);
  for (unsigned long capability = 0; capability < 64; capability++)
    if ((op->ambient >> capability & 1) != 0 && prctl(PR_CAP_AMBIENT, 2 /* RAISE */, capability, 0, 0) < 0)
      return about(run, "ambient capability", -errno);
  return 0;
}

int do_no_new_privileges(struct runner *run, const struct op_no_new_privileges *op)
{
  (void)op;
  ONLY_INIT(run);
  return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* Nothing but 0, 1, 2 survives execve. Done before a filter could refuse it, and again at the end (CVE-2024-21626). */
static void close_on_exec(void)
{
  sys_close_range(3, ~0u, CLOSE_RANGE_ON_EXEC);
}

/* Once, and before a filter might kill whoever asks for the time. */
static void note_set_up(struct runner *run)
{
  if (run->progress != NULL && run->progress->set_up_us == 0)
    run->progress->set_up_us = realtime_us();
}

int do_seccomp(struct runner *run, const struct op_seccomp *op)
{
  ONLY_INIT(run);
  struct {
    unsigned short count;
    const void *program;
  } filter = { (unsigned short)(op->program.size / 8), op->program.data };
  if (op->program.size % 8 != 0 || op->program.size / 8 > 4096)
    return about(run, "seccomp filter", -EINVAL);
  close_on_exec();
  note_set_up(run);
  return about(run, "seccomp filter", result(syscall(SYS_seccomp, 1 /* SET_MODE_FILTER */, op->flags, &filter)));
}

int do_chdir(struct runner *run, const struct op_chdir *op)
{
  ONLY_INIT(run);
  if (chdir(op->path) < 0)
    return about(run, op->path, -errno);
  /* A directory that is not below the root, through a leaked descriptor, shows as "(unreachable)" (CVE-2024-21626). */
  char where[PATH_MAX];
  long size = syscall(SYS_getcwd, where, sizeof where);
  return size > 0 && where[0] != '/' ? about(run, op->path, -ENOENT) : 0;
}

int do_personality(struct runner *run, const struct op_personality *op)
{
  ONLY_INIT(run);
  return result(syscall(SYS_personality, (unsigned long)op->persona));
}

/* Pointers to each string, and NULL, in memory that execve takes with it. */
static char **pointers(struct strings list)
{
  char **all = pages_alloc(((size_t)list.count + 1) * sizeof(char *));
  if (all == NULL)
    return NULL;
  FOR_EACH_STRING(s, list)
    all[s_index] = (char *)(uintptr_t)s;
  return all;
}

/* Tries each candidate as execvp(3) does; returns only when none could be executed. */
static int execute(struct runner *run, const struct op_execve *op, char **argv, char **envp)
{
  int found = -ENOENT;
  FOR_EACH_STRING(candidate, op->candidates) {
    execve(candidate, argv, envp);
    if (errno == ENOENT || errno == ENOTDIR)
      continue;
    run->object = candidate;
    found = -errno;
    if (errno != EACCES)
      break;
  }
  return found;
}

int do_execve(struct runner *run, const struct op_execve *op)
{
  ONLY_INIT(run);
  char **argv = pointers(op->argv), **envp = pointers(op->envp);
  if (argv == NULL || envp == NULL || op->argv.count == 0)
    return about(run, "arguments", argv == NULL || envp == NULL ? -ENOMEM : -EINVAL);
  if (!run->umask_set)
    umask(022);
  close_on_exec();
  note_set_up(run);
  /*
   * A container without its shim would have no parent, no output and no exit status. The kernel ends it with the shim instead;
   * the pid namespace goes with its first process. Set here because a change of user takes it back (prctl(2)).
   */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  struct pollfd status = { .fd = run->status, .events = 0 };
  if (poll(&status, 1, 0) == 1 && (status.revents & POLLHUP) != 0)
    return -ECANCELED; /* the shim had died before it was set */
  /* Signals ignored by the shim are ignored by nobody else. Handlers it has none; the mask was emptied in process.c. */
  if (run->progress != NULL)
    run->progress->state = PROGRESS_EXECUTING;
  if (run->object[0] == 0)
    run->object = op->candidates.count > 0 ? op->candidates.first : "";
  return execute(run, op, argv, envp);
}
