/* Hears when the container runs out of memory while it goes on: of a process that is not its first, or of an exec's. */
#include "shim.h"
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>

static void on_notice(struct source *source, uint32_t events);
static struct source notice = { -1, 0, on_notice };
static uint64_t told; /* kills that a daemon has heard of */
static bool untold; /* something happened, and no daemon was there */

static bool ends_with(const char *path, const char *name)
{
  size_t length = strlen(path), end = strlen(name);
  return length > end && strcmp(path + length - end, name) == 0;
}

static void tell(void)
{
  untold = !send_oom();
}

void oom_tell_again(void)
{
  if (untold)
    tell();
}

static void on_notice(struct source *source, uint32_t events)
{
  (void)events;
  char drained[512];
  ssize_t size = read(source->fd, drained, sizeof drained);
  uint64_t kills = record_oom_kills();
  /* v1 says it when memory is short, a moment before it kills; v2 changes the file for other reasons, too. */
  bool of_v1 = size == (ssize_t)sizeof(uint64_t);
  if (of_v1 || kills > told)
    tell();
  told = kills;
}

/* cgroup-v1/memory.rst: an eventfd is registered by writing `<eventfd> <descriptor of memory.oom_control>`. */
static int watch_v1(const char *path)
{
  char control[PATH_MAX], line[64];
  struct text text = TEXT(control), order = TEXT(line);
  text_add(&text, path);
  char *name = strrchr(control, '/');
  if (name == NULL)
    return -1;
  text.at = name;
  text_add(&text, "/cgroup.event_control");
  CLOSE int event = (int)syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
  CLOSE int oom = open(path, O_RDONLY | O_CLOEXEC);
  CLOSE int registry = open(control, O_WRONLY | O_CLOEXEC);
  if (event < 0 || oom < 0 || registry < 0)
    return -1;
  text_number(&order, (uint64_t)event, 1);
  text_add(&order, " ");
  text_number(&order, (uint64_t)oom, 1);
  return write(registry, line, strlen(line)) < 0 ? -1 : take_fd(&event);
}

static int watch_v2(const char *path)
{
  CLOSE int events = (int)syscall(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
  if (events < 0 || syscall(SYS_inotify_add_watch, events, path, IN_MODIFY) < 0)
    return -1;
  return take_fd(&events);
}

/* Where the kernel does not tell, the exit still does. */
void oom_watch(void)
{
  const char *path = container.oom_events_path;
  if (path[0] == 0)
    return;
  notice.fd = ends_with(path, "/memory.oom_control") ? watch_v1(path) : watch_v2(path);
  watch(&notice, EPOLLIN);
  /* It has run for a moment already. */
  told = record_oom_kills();
  if (told > 0)
    tell();
}

void oom_unwatch(void)
{
  source_close(&notice);
}
