/* The shim's life: what it is born with, its one loop, and how it ends. */
#include "shim.h"
#include <sys/un.h>
#include "modes.h"
#include "sys.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

struct container container;
static int epoll_fd = -1;
static struct source listener = { -1, 0, connection_accept };
static bool released, finishing;
static bool buffers_used;

void watch(struct source *source, uint32_t events)
{
  if (source->fd < 0 || source->events == events)
    return;
  struct epoll_event event = { .events = events, .data.ptr = source };
  int operation = events == 0 ? EPOLL_CTL_DEL : source->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_ctl(epoll_fd, operation, source->fd, &event);
  source->events = events;
}

void source_close(struct source *source)
{
  watch(source, 0);
  close_fd(&source->fd);
}

int watch_anew(void)
{
  close_fd(&epoll_fd);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    _exit(1);
  return epoll_fd;
}

bool watch_wait(struct epoll_event *event, int timeout)
{
  return epoll_wait(epoll_fd, event, 1, timeout) == 1;
}

static struct runner releasing;

void shim_release(void)
{
  struct runner *run = &releasing;
  if (released)
    return;
  released = true;
  runner_init(run);
  run->section = SECTION_RELEASE;
  section_run_all(run, &container.release);
  ports_close();
  /* The name is free before the daemon hears of it: it may start the container again at once. */
  source_close(&listener);
  if (container.socket_path[0] != 0)
    unlink(container.socket_path);
}

void shim_finish(void)
{
  if (finishing)
    return;
  finishing = true;
  shim_release();
  send_released();
  /* What is unmounted, and what nobody has to wait for, goes now, however long that takes. The end of the connections tells the
     daemon when it has gone: a client that has not read all of its output yet holds nothing of the container. */
  section_run_all(&releasing, &container.release);
  runner_close(&releasing);
  names_close();
  control_close();
}

static bool clients_left(void)
{
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_CLOSING)
      return true;
  return false;
}

/* A daemon that died between starting a shim and saying what for leaves one that nobody will ever speak to. */
static bool is_abandoned(void)
{
  if (container.id[0] != 0 || finishing)
    return false;
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_CONTROL)
      return false;
  return true;
}

/* The name it was bound to: nobody will connect to it any more. A name too long to be bound was reached through a descriptor. */
static void remove_socket(void)
{
  struct sockaddr_un address;
  socklen_t size = sizeof address - 1;
  memset(&address, 0, sizeof address);
  if (syscall(SYS_getsockname, FD_LISTENER, &address, &size) == 0 && strncmp(address.sun_path, "/proc/", 6) != 0)
    unlink(address.sun_path);
}

void shim_withdraw(void)
{
  source_close(&listener);
}

/* Milliseconds until something has to be done without an event; -1 for never. */
static int next_timeout(void)
{
  uint64_t now = monotonic_ms();
  uint64_t clients = client_timers(now), drains = process_timers(now);
  uint64_t next = clients < drains ? clients : drains, names = names_timers(now);
  if (names < next)
    next = names;
  uint64_t ports = port_timers(now);
  if (ports < next)
    next = ports;
  if (buffers_used && now + 1000 < next)
    next = now + 1000;
  if (next == UINT64_MAX)
    return -1;
  return next <= now ? 0 : (int)(next - now);
}

/* After a second without output, what only a burst of it needed goes back to the kernel. */
static void trim(void)
{
  if (!buffers_used)
    return;
  buffers_used = false;
  log_trim();
  relay_trim();
}

static _Noreturn void loop(void)
{
  while (!finishing || clients_left()) {
    struct epoll_event event;
    int timeout = next_timeout();
    if (finishing && !clients_left())
      break;
    if (is_abandoned()) {
      if (listener.fd >= 0)
        remove_socket();
      break;
    }
    /* One event at a time: handling one may close the source of another, which then is no longer reported. */
    if (!watch_wait(&event, timeout)) {
      if (timeout >= 1000)
        trim();
      continue;
    }
    struct source *source = event.data.ptr;
    buffers_used = true;
    source->ready(source, event.events);
  }
  _exit(0);
}

/*
 * A session of its own: a terminal's signals and hang-ups never reach it. No subreaper: orphans of a container belong to its
 * first process, and those of one that shares the host's pid namespace to the host's.
 */
static void detach(void)
{
  setsid();
  const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2 };
  struct sigaction action = { .sa_handler = SIG_IGN };
  for (size_t i = 0; i < ARRAY_LENGTH(ignored); i++)
    sigaction(ignored[i], &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  /* SIGCHLD ignored by whoever started the shim would make the kernel throw exit statuses away. */
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, NULL);
  if (chdir("/") < 0)
    _exit(1);
}

static char *title;

void shim_show(const char *id)
{
  for (char *at = title; at != NULL && *at != 0 && *id != 0; at++, id++)
    *at = *id;
}

int shim_main(char *shown)
{
  title = shown;
  struct stat st;
  if (fstat(FD_CONTROL, &st) < 0 || !S_ISSOCK(st.st_mode) || fstat(FD_LISTENER, &st) < 0 || !S_ISSOCK(st.st_mode)) {
    static const char usage[] = "caisson-shim is started by caisson: it expects sockets on descriptors 3 and 4\n";
    return write(2, usage, sizeof usage - 1) < 0 ? 1 : 2;
  }
  detach();
  /*
   * Neither the shim nor a process that it has cloned can be traced, or have its /proc files opened, by another that is not
   * privileged on the host. Kept across fork, ended by execve (CVE-2016-9962; runc's exec race).
   */
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sys_close_range(FD_LISTENER + 1, ~0u, 0);
  fcntl(FD_CONTROL, F_SETFD, FD_CLOEXEC);
  fcntl(FD_LISTENER, F_SETFD, FD_CLOEXEC);
  fcntl(FD_LISTENER, F_SETFL, O_NONBLOCK);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    return 1;
  listener.fd = FD_LISTENER;
  watch(&listener, EPOLLIN);
  connection_adopt(FD_CONTROL);
  loop();
}
