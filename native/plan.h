/*
 * Executing a plan. One `runner` is the state of whoever executes operations: the shim (prepare, host, release) or the first
 * process (init). Each operation is one function, `do_<operation>`, found through the generated table.
 */
#pragma once
#include "plan_operations.h"
#include "protocol.h"
#include <limits.h>

#define SLOTS 256
#define NAMESPACE_KINDS 5
#define JOINS 16

/*
 * A page shared by the shim and the process it has just cloned. The process says here how far it is, without a system call:
 * its seccomp filter may refuse any by then. It is unmapped by execve; the end of the status socket tells the shim to read it.
 */
struct progress {
  enum { PROGRESS_SETTING_UP, PROGRESS_EXECUTING, PROGRESS_FAILED } state;
  int32_t index;
  int32_t error;
  uint64_t born_us, set_up_us; /* realtime: its first instruction; the end of its set-up, 0 before */
  char object[PATH_MAX];
};

struct section {
  uint32_t count;
  const uint8_t *start, *end;
};

struct plan {
  struct section prepare, clone, init, host, release;
};

struct runner {
  uint32_t section; /* SECTION_* */
  const char *object; /* what the operation that failed was about */
  char object_text[PATH_MAX];

  int slots[SLOTS]; /* trees and user namespaces, by number; -1 when empty */
  int joins[JOINS]; /* prepare: open cgroup files that the new process writes "0" to; release: unmounted file systems */
  int join_count;
  int own_namespaces[NAMESPACE_KINDS]; /* what the shim has to return to after the clone; -1 where it has not moved */
  const char *written; /* prepare: the file that writeFile has open, as several values in a row often go to one */
  int written_fd;
  pid_t child; /* host: the new process */
  int container; /* exec: pidfd of the container's first process, else -1 */

  /* init only */
  struct progress *progress;
  int status; /* to the shim: SOCK_SEQPACKET */
  int root; /* the container's root directory, O_PATH; -1 before openRoot */
  bool pivoted; /* the host's paths are gone */
  bool umask_set;
  uint32_t stdio; /* STDIO_* */
};

/* What the first process tells the shim on the status socket, with descriptors beside it. */
enum { STATUS_PIPES = 'P', STATUS_TERMINAL = 'T', STATUS_GO = 'G' };

void runner_init(struct runner *run);
/* Closes what it holds. */
void runner_close(struct runner *run);

/* Takes the shim back to its own namespaces; 0 or -errno. */
int runner_return(struct runner *run);

/* Splits a plan; false when it is malformed or of another version. */
bool plan_read(struct plan *plan, const uint8_t *data, size_t size);
bool section_read(struct section *section, struct reader *r);
/* The section's only operation, when it is the clone. */
bool clone_read(const struct section *section, struct op_clone *clone);

/* Executes a section; 0, or -errno with the operation's number in *index and what it was about in run->object. */
int section_run(struct runner *run, const struct section *section, int32_t *index);
/* How many optional requests the packet filter has refused: somebody else has changed it. */
extern uint32_t netlink_refused;
/* Closes what bindPort has bound. */
void ports_close(void);
/* Executes every operation up to `released`, or to the end, whatever fails, and takes them off the section: for release. */
void section_run_all(struct runner *run, struct section *section);

/*
 * Opens the cgroup (v2) that the process `pid` of a container has moved to, below the container's `own`; -errno, -ENOENT when it has
 * stayed there.
 */
int open_cgroup_inside(const char *own, pid_t pid);

/* A netlink socket in the network namespace of the moment; or -errno. */
int netlink_open(uint32_t family);
/* Sends messages and reads their acknowledgements; 0, or the first error of the kernel's. */
int netlink_exchange(int fd, const struct bytes *messages);

/* Notes what a failure is about and passes it on. */
static inline int about(struct runner *run, const char *object, int error)
{
  if (error < 0)
    run->object = object;
  return error;
}

/* Paths of the host are reachable: not in a container's root, not after pivotRoot. */
static inline bool on_host(const struct runner *run)
{
  return !run->pivoted;
}

#define X(name) int do_##name(struct runner *run, const struct op_##name *op);
PLAN_OPERATIONS(X)
#undef X
