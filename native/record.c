/* The exit record: how the container ended, for a daemon that was not there to hear of it. */
#include "shim.h"
#include <stdio.h>

/* `oom_kill N` stands in memory.events (v2) and, since 4.13, in memory.oom_control (v1). */
uint64_t record_oom_kills(void)
{
  char content[1024];
  if (container.oom_events_path[0] == 0 || read_small(container.oom_events_path, content, sizeof content) < 0)
    return 0;
  for (const char *line = content; line != NULL && *line != 0; line = strchr(line, '\n'), line = line == NULL ? NULL : line + 1) {
    uint64_t count;
    const char *number = line + 9;
    if (strncmp(line, "oom_kill ", 9) == 0 && parse_number(&number, &count))
      return count;
  }
  return 0;
}

/* Written beside its place and renamed: a reader sees all of it or nothing. It outlives the daemon, not the machine: no fsync. */
void record_exit(const struct exit_facts *exit)
{
  char content[256], temporary[PATH_MAX + 8];
  struct text text = TEXT(content), path = TEXT(temporary);
  if (container.exit_record_path[0] == 0)
    return;
  text_add(&text, "{\"exitCode\":");
  text_number(&text, exit->code, 1);
  text_add(&text, ",\"signal\":");
  text_number(&text, exit->signal, 1);
  text_add(&text, ",\"finishedAt\":\"");
  text_add(&text, exit->finished_at);
  text_add(&text, "\",\"oomKilled\":");
  text_add(&text, exit->oom_killed ? "true}\n" : "false}\n");
  text_add(&path, container.exit_record_path);
  text_add(&path, ".tmp");
  CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && write_all(fd, content, (size_t)(text.at - text.start)) == 0)
    rename(temporary, container.exit_record_path);
}
