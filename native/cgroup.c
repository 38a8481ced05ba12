/*
 * Where a container's processes are once it has made cgroups of its own, as Docker in Docker and systemd do: version 2 lets no process
 * stand beside children that have controllers.
 */
#include "plan.h"
#include "sys.h"
#include <limits.h>

/* What stands behind `prefix` where a line, or a part of a path, begins with it; NULL where none does. `from` is what goes before. */
static const char *behind(const char *text, char from, const char *prefix)
{
  size_t length = strlen(prefix);
  while (strncmp(text, prefix, length) != 0) {
    text = strchr(text, from);
    if (text == NULL)
      return NULL;
    text++;
  }
  return text + length;
}

int open_cgroup_inside(const char *own, pid_t pid)
{
  char buffer[PATH_MAX];
  struct text text = TEXT(buffer);
  text_add(&text, "/proc/");
  text_number(&text, (uint64_t)pid, 1);
  text_add(&text, "/cgroup");
  char content[PATH_MAX + 1024];
  ssize_t size = read_small(buffer, content, sizeof content);
  if (size < 0)
    return (int)size;
  const char *path = behind(content, '\n', "0::"), *id = own;
  for (const char *slash = own; (slash = strchr(slash, '/')) != NULL; slash++)
    id = slash + 1;
  /* The last part of its own path, which is its id, says where what is below begins. */
  const char *inside = path == NULL ? NULL : behind(path, '/', id);
  if (inside == NULL || *inside != '/')
    return -ENOENT;
  struct text directory = TEXT(buffer);
  text_add(&directory, own);
  text_add(&directory, inside);
  char *end = strchr(directory.start, '\n');
  if (end != NULL)
    *end = 0;
  return result(open(directory.start, O_PATH | O_DIRECTORY | O_CLOEXEC));
}
