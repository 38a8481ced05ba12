/*
 * A process and its life: cloned from a plan, set up, executing, reaped, drained. All of it is driven by descriptors becoming
 * ready, so that a process that hangs while it is set up (a dead NFS server, a frozen cgroup) never holds up the others.
 */
#include "shim.h"
#include "sys.h"
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct process processes[MAX_PROCESSES];
int process_count;

struct process *process_find(const char *id)
{
  for (int i = 0; i < process_count; i++)
    if (processes[i].state != PROCESS_FREE && strcmp(processes[i].id, id) == 0)
      return &processes[i];
  return NULL;
}

static void on_exit(struct source *source, uint32_t events);
static void check_all_over(void);
static void run_host_section(struct process *p);
static void on_status(struct source *source, uint32_t events);

static struct process *process_new(const struct process_request *request)
{
  int i = 0;
  while (i < MAX_PROCESSES && processes[i].state != PROCESS_FREE)
    i++;
  if (i == MAX_PROCESSES || strlen(request->id) >= ID_SIZE)
    return NULL;
  if (i == process_count)
    process_count++;
  struct process *p = &processes[i];
  memset(p, 0, sizeof *p);
  memcpy(p->id, request->id, strlen(request->id) + 1);
  p->state = PROCESS_STARTING;
  p->stdio = request->stdio;
  p->expected = request->expected;
  p->expect_until = monotonic_ms() + LIMIT_EXPECT_MS;
  p->request = request->request;
  p->requester = request->requester;
  p->message = request->message;
  p->message_size = request->message_size;
  p->pidfd = (struct source){ -1, 0, on_exit };
  p->status = (struct source){ -1, 0, on_status };
  p->input.fd = p->streams[0].source.fd = p->streams[1].source.fd = -1;
  p->input_state = request->stdio & STDIO_OPEN_STDIN || request->stdio & STDIO_TTY ? INPUT_WAITING : INPUT_NONE;
  return p;
}

/* ---- the new process -------------------------------------------------------------------------------------------------- */

void close_all_but(int *keep, size_t count)
{
  for (size_t i = 1; i < count; i++)
    for (size_t k = i; k > 0 && keep[k - 1] > keep[k]; k--) {
      int swapped = keep[k];
      keep[k] = keep[k - 1];
      keep[k - 1] = swapped;
    }
  unsigned from = 3;
  for (size_t i = 0; i < count; i++) {
    if (keep[i] < (int)from)
      continue;
    if ((unsigned)keep[i] > from)
      sys_close_range(from, (unsigned)keep[i] - 1, 0);
    from = (unsigned)keep[i] + 1;
  }
  sys_close_range(from, ~0u, 0);
}

static void reset_signals(void)
{
  struct sigaction standard = { .sa_handler = SIG_DFL };
  for (int signal = 1; signal < 65; signal++)
    if (signal != SIGKILL && signal != SIGSTOP)
      sigaction(signal, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The first thing in the new process; never returns. Only what the plan needs is open, long before anything can look. */
static _Noreturn void child_main(struct runner *run, struct progress *progress, const struct section *init)
{
  progress->born_us = realtime_us();
  int keep[SLOTS + JOINS + 2];
  size_t count = 0;
  keep[count++] = run->status;
  keep[count++] = run->container;
  for (int i = 0; i < SLOTS; i++)
    keep[count++] = run->slots[i];
  for (int i = 0; i < run->join_count; i++)
    keep[count++] = run->joins[i];
  close_all_but(keep, count);
  reset_signals();
  umask(0);
  int error = 0;
  run->section = SECTION_INIT;
  run->progress = progress;
  run->progress->index = -1;
  run->object = "cgroup";
  for (int i = 0; i < run->join_count && error == 0; i++)
    error = write(run->joins[i], "0", 1) == 1 ? 0 : -errno;
  if (error == 0)
    error = section_run(run, init, &run->progress->index);
  struct text object = TEXT(run->progress->object);
  text_add(&object, run->object);
  run->progress->error = error < 0 ? -error : ENOEXEC; /* a plan without execve */
  run->progress->state = PROGRESS_FAILED;
  _exit(127);
}

/* ---- starting --------------------------------------------------------------------------------------------------------- */

/* clone3(2) as the plan says; the pid, or -errno. Does not return in the new process. */
static int clone_process(struct process *p, struct runner *run, const struct plan *plan, const struct op_clone *clone)
{
  int pair[2], pidfd = -1;
  CLOSE int cgroup = -1;
  if (clone->cgroup[0] != 0 && (cgroup = open(clone->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
    return about(run, clone->cgroup, -errno);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  run->status = pair[1];
  struct clone_arguments arguments = {
    .flags = clone->flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE3_INTO_CGROUP : 0),
    .pidfd = (uintptr_t)&pidfd,
    .exit_signal = SIGCHLD,
    .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
  };
  pid_t pid = (pid_t)syscall(SYS_NUMBER_clone3, &arguments, sizeof arguments);
  if (pid < 0 && errno == EBUSY && cgroup >= 0 && run->container >= 0) {
    /* The container has handed controllers down to cgroups of its own: its processes stand in those. */
    CLOSE int inside = open_cgroup_inside(clone->cgroup, processes[0].pid);
    arguments.cgroup = (uint64_t)inside;
    pid = inside < 0 ? -1 : (pid_t)syscall(SYS_NUMBER_clone3, &arguments, sizeof arguments);
    errno = inside < 0 ? EBUSY : errno;
  }
  if (pid == 0)
    child_main(run, p->progress, &plan->init);
  int error = pid < 0 ? -errno : 0;
  close(pair[1]);
  if (error < 0) {
    close(pair[0]);
    return about(run, "namespaces", error);
  }
  p->pid = pid;
  p->pidfd.fd = pidfd;
  p->status.fd = pair[0];
  return pid;
}

struct failure {
  uint32_t section;
  int32_t index;
  int error;
};

/* The sections prepare and clone. */
static struct failure prepare_and_clone(struct process *p, struct runner *run, const struct plan *plan)
{
  struct failure failure = { SECTION_PREPARE, -1, 0 };
  struct op_clone clone;
  if (!clone_read(&plan->clone, &clone)) {
    failure.error = EBADMSG;
    return failure;
  }
  run->section = SECTION_PREPARE;
  int error = section_run(run, &plan->prepare, &failure.index);
  if (error == 0) {
    p->prepared_us = realtime_us();
    failure.section = SECTION_CLONE;
    failure.index = 0;
    run->object = "";
    error = clone_process(p, run, plan, &clone);
  }
  /* A shim that could not go back would put the next process, and itself, into the wrong place: it ends instead. */
  const char *object = run->object;
  if (runner_return(run) < 0)
    _exit(1);
  run->object = object;
  failure.error = error < 0 ? -error : 0;
  return failure;
}

static void message_free(struct process *p)
{
  pages_free(p->message, p->message_size);
  pages_free(p->progress, sizeof *p->progress);
  p->message = NULL;
  p->progress = NULL;
}

/* It never became a process of the container: reaped, forgotten, its failure answered. */
static void process_fail(struct process *p, const struct failure *failure, const char *object)
{
  static char kept[PATH_MAX]; /* `object` may lie in what is freed first */
  struct text text = TEXT(kept);
  text_add(&text, object);
  source_close(&p->status);
  if (p->pidfd.fd >= 0) {
    process_kill(p);
    while (waitid(P_PIDFD, (id_t)p->pidfd.fd, NULL, WEXITED) < 0 && errno == EINTR)
      continue;
  }
  source_close(&p->pidfd);
  bool is_container = p == &processes[0];
  if (is_container)
    relay_close(p);
  else
    relay_forsake(p);
  message_free(p);
  if (is_container)
    shim_release(); /* nothing of the plan is left when the daemon hears of the failure */
  send_failed(p->requester, p->request, failure->section, failure->index, failure->error, kept);
  p->state = PROCESS_FREE;
  if (is_container)
    shim_finish();
  else
    check_all_over();
}

void process_start(const struct process_request *request)
{
  static struct runner run; /* large, and only one is being prepared at a time */
  struct process *p = process_new(request);
  if (p == NULL) {
    send_failed(request->requester, request->request, SECTION_PREPARE, -1, EAGAIN, "too many processes");
    pages_free(request->message, request->message_size);
    return;
  }
  p->began_us = realtime_us();
  struct plan plan;
  struct failure failure = { SECTION_PREPARE, -1, EBADMSG };
  connection_unpark(p);
  runner_init(&run);
  run.stdio = p->stdio;
  run.container = p == &processes[0] ? -1 : processes[0].pidfd.fd;
  run.object = "plan";
  p->progress = mmap(NULL, sizeof *p->progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p->progress == MAP_FAILED) {
    p->progress = NULL;
    failure.error = ENOMEM;
  } else if (plan_read(&plan, request->plan.data, request->plan.size)) {
    p->host = plan.host;
    failure = prepare_and_clone(p, &run, &plan);
  }
  runner_close(&run);
  if (failure.error != 0) {
    process_fail(p, &failure, run.object);
    return;
  }
  watch(&p->pidfd, EPOLLIN);
  watch(&p->status, EPOLLIN);
  if (p->host.count > 0)
    run_host_section(p);
}

/* While the new process sets itself up, or waits for it; the first failure ends the start. */
static void run_host_section(struct process *p)
{
  static struct runner run;
  struct failure failure = { SECTION_HOST, -1, 0 };
  runner_init(&run);
  run.section = SECTION_HOST;
  run.child = p->pid;
  int error = section_run(&run, &p->host, &failure.index);
  if (error < 0) {
    failure.error = -error;
    process_fail(p, &failure, run.object);
    return;
  }
  char word = STATUS_GO;
  send(p->status.fd, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void measure_phases(struct process *p)
{
  const struct progress *progress = p->progress;
  p->phases[PHASE_PREPARE] = (uint32_t)(p->prepared_us - p->began_us);
  p->phases[PHASE_CLONE] = (uint32_t)(progress->born_us - p->prepared_us);
  p->phases[PHASE_INIT] = (uint32_t)(progress->set_up_us - progress->born_us);
  p->phases[PHASE_EXECVE] = (uint32_t)(realtime_us() - progress->set_up_us);
}

/* The status socket has closed: the process executes, or has failed and said how in the shared page, or was killed. */
static void starting_over(struct process *p)
{
  struct failure failure = { SECTION_INIT, p->progress->index, p->progress->error };
  switch (p->progress->state) {
  case PROGRESS_EXECUTING:
    measure_phases(p);
    source_close(&p->status);
    message_free(p);
    p->state = PROCESS_RUNNING;
    send_started(p);
    if (p == &processes[0])
      oom_watch();
    process_update(p);
    return;
  case PROGRESS_FAILED:
    process_fail(p, &failure, p->progress->object);
    return;
  case PROGRESS_SETTING_UP:
    failure.error = ECHILD; /* killed from outside, or by the kernel for want of memory */
    process_fail(p, &failure, "killed while it was set up");
    return;
  }
}

static void on_status(struct source *source, uint32_t events)
{
  (void)events;
  struct process *p = (struct process *)((char *)source - offsetof(struct process, status));
  char word = 0;
  struct iovec content = { &word, 1 };
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(3 * sizeof(int))];
  } control;
  struct msghdr message = { .msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t size = recvmsg(source->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (size <= 0) {
    starting_over(p);
    return;
  }
  int fds[3];
  size_t count = 0;
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(rights), count * sizeof(int));
  }
  if (count > 0)
    relay_begin(p, fds, count, word == STATUS_TERMINAL);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

void process_kill(struct process *p)
{
  if (p->pidfd.fd >= 0)
    sys_pidfd_send_signal(p->pidfd.fd, SIGKILL);
}

static bool has_output(const struct process *p)
{
  return p->streams[0].source.fd >= 0 || p->streams[1].source.fd >= 0;
}

static void process_finish(struct process *p)
{
  bool is_container = p == &processes[0];
  p->state = PROCESS_FINISHED; /* first: what follows asks for updates of processes, and there is nothing left to update here */
  if (is_container) {
    log_flush(true);
    record_exit(&p->exit);
  }
  /* Told before the output ends: whoever sees the end asks for the exit code next. */
  bool heard = send_exited(p);
  relay_close(p);
  source_close(&p->pidfd);
  if (heard && !is_container)
    p->state = PROCESS_FREE;
}

/* Once the container has ended and none of its execs is left, the shim's work is done. */
static void check_all_over(void)
{
  if (processes[0].state != PROCESS_FINISHED)
    return;
  for (int i = 1; i < process_count; i++)
    if (processes[i].state != PROCESS_FREE && processes[i].state != PROCESS_FINISHED)
      return;
  shim_finish();
}

static void on_exit(struct source *source, uint32_t events)
{
  (void)events;
  struct process *p = (struct process *)((char *)source - offsetof(struct process, pidfd));
  if (p->state == PROCESS_STARTING) {
    /* What it had to say comes first: it may have failed, or have executed and ended already. */
    on_status(&p->status, 0);
    return;
  }
  siginfo_t info;
  if (waitid(P_PIDFD, (id_t)source->fd, &info, WEXITED) < 0)
    return;
  /* Reaped at once: the first process of a pid namespace cannot end before the zombies in it are gone. */
  watch(source, 0);
  bool killed = info.si_code != CLD_EXITED;
  p->exit.signal = killed ? (uint32_t)info.si_status : 0;
  p->exit.code = killed ? 128 + (uint32_t)info.si_status : (uint32_t)info.si_status & 255;
  timestamp_now(p->exit.finished_at);
  p->exit.finished_at[TIMESTAMP_LENGTH] = 0;
  p->state = PROCESS_DRAINING;
  p->drain_until = monotonic_ms() + LIMIT_DRAIN_MS;
  if (p == &processes[0]) {
    oom_unwatch();
    p->exit.oom_killed = record_oom_kills() > 0;
    for (int i = 1; i < process_count; i++)
      process_kill(&processes[i]); /* those that share no pid namespace with it */
  }
  process_update(p);
}

void process_update(struct process *p)
{
  if (p->state != PROCESS_RUNNING && p->state != PROCESS_DRAINING)
    return;
  bool ready = p->expected == 0;
  if (ready && p->state == PROCESS_DRAINING) {
    for (int i = 0; i < 2; i++)
      relay_read(&p->streams[i], true);
    if (!has_output(p)) {
      process_finish(p);
      check_all_over();
      return;
    }
  }
  bool read = ready && !clients_block(p);
  for (int i = 0; i < 2; i++)
    if (p->streams[i].source.fd >= 0)
      watch(&p->streams[i].source, read ? EPOLLIN : 0);
}

uint64_t process_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < process_count; i++) {
    struct process *p = &processes[i];
    if (p->state != PROCESS_RUNNING && p->state != PROCESS_DRAINING)
      continue;
    if (p->expected > 0) {
      if (p->expect_until <= now) {
        p->expected = 0;
        p->drain_until = now + LIMIT_DRAIN_MS;
        process_update(p);
      } else if (p->expect_until < next) {
        next = p->expect_until;
      }
    }
    if (p->state == PROCESS_DRAINING && p->expected == 0) {
      if (p->drain_until <= now) {
        /* Somebody else holds the output open. What the process itself wrote has been read by now. */
        process_finish(p);
        check_all_over();
      } else if (p->drain_until < next) {
        next = p->drain_until;
      }
    }
  }
  return next;
}
