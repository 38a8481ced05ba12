/* What daemons are told. */
#include "shim.h"
#include "sys.h"
#include <sys/socket.h>

static uint8_t message_buffer[16384];

static struct writer message_begin(void)
{
  return (struct writer){ message_buffer + 8, message_buffer + sizeof message_buffer, false };
}

/* Sends what was written. A daemon that leaves so much unread that it does not fit is let go: it can ask again. */
static bool message_send(struct connection *to, const struct writer *w, uint32_t type)
{
  uint32_t header[2] = { (uint32_t)(w->at - message_buffer) - 8, type };
  if (to == NULL || to->kind != CONNECTION_CONTROL || w->overflow)
    return false;
  memcpy(message_buffer, header, sizeof header);
  size_t size = (size_t)(w->at - message_buffer);
  if (send(to->source.fd, message_buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
    return true;
  connection_close(to);
  return false;
}

#define SEND(to, kind, number, ...) \
  ({ \
    struct writer w = message_begin(); \
    const struct reply_##kind reply = { __VA_ARGS__ }; \
    encode_reply_##kind(&w, &reply); \
    message_send(to, &w, number); \
  })

static bool send_to_all(const struct writer *w, uint32_t type)
{
  bool taken = false;
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_CONTROL)
      taken |= message_send(&connections[i], w, type);
  return taken;
}

void send_started(struct process *p)
{
  char now[TIMESTAMP_LENGTH + 1] = { 0 };
  timestamp_now(now);
  SEND(p->requester, started, REPLY_STARTED, p->request, (uint32_t)p->pid, now, { PHASE_COUNT, (const uint8_t *)p->phases });
  p->requester = NULL;
}

void send_failed(struct connection *to, uint32_t request, uint32_t section, int32_t index, int error, const char *object)
{
  SEND(to, failed, REPLY_FAILED, request, section, index, (uint32_t)error, object);
}

static struct writer write_exited(const struct process *p)
{
  struct writer w = message_begin();
  const struct reply_exited reply = { p->id, p->exit.code, p->exit.signal, p->exit.oom_killed, p->exit.finished_at };
  encode_reply_exited(&w, &reply);
  return w;
}

bool send_exited(const struct process *p)
{
  struct writer w = write_exited(p);
  return send_to_all(&w, REPLY_EXITED);
}

bool send_oom(void)
{
  struct writer w = message_begin();
  return send_to_all(&w, REPLY_OOM);
}

void send_released(void)
{
  struct writer w = message_begin();
  encode_reply_released(&w, &(struct reply_released){ netlink_refused });
  send_to_all(&w, REPLY_RELEASED);
}

/* What a daemon that has been restarted has to know: who runs, and, as messages of their own, who has ended meanwhile. */
void send_hello(struct connection *to)
{
  static char ids[MAX_PROCESSES * ID_SIZE];
  uint32_t pids[MAX_PROCESSES], count = 0;
  struct text text = TEXT(ids);
  for (int i = 1; i < process_count; i++) {
    const struct process *p = &processes[i];
    if (p->state == PROCESS_FREE || p->state == PROCESS_STARTING)
      continue;
    text_add(&text, p->id);
    text.at++; /* keep its NUL */
    pids[count++] = (uint32_t)p->pid;
  }
  SEND(to, hello, REPLY_HELLO, (uint32_t)getpid(), (uint32_t)processes[0].pid, container.exit_record_path,
       { count, ids }, { count, (const uint8_t *)pids });
  oom_tell_again();
  for (int i = 0; i < process_count; i++) {
    struct process *p = &processes[i];
    if (p->state != PROCESS_FINISHED)
      continue;
    struct writer w = write_exited(p);
    if (message_send(to, &w, REPLY_EXITED) && i > 0)
      p->state = PROCESS_FREE;
  }
}

void send_done(struct connection *to, uint32_t request, int error)
{
  SEND(to, done, REPLY_DONE, request, (uint32_t)error);
}
