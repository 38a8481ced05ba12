/* Connections to the shim: who they are, and what a daemon asks and is told. The picture of it stands in protocol.h. */
#include "shim.h"
#include "sys.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct connection connections[MAX_CONNECTIONS];
int connection_count;

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

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
static void send_hello(struct connection *to)
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

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static bool copy_text(char *out, size_t size, const char *from)
{
  struct text text = { out, out, out + size - 1, false };
  text_add(&text, from);
  return !text.overflow;
}

/* The release section outlives the rest of the plan. It takes the place of one that has been kept. */
static bool keep_release(const struct section *release)
{
  static uint8_t *kept;
  static size_t kept_size;
  size_t size = (size_t)(release->end - release->start);
  uint8_t *copy = size > 0 ? pages_alloc(size) : NULL;
  if (size > 0 && copy == NULL)
    return false;
  if (size > 0)
    memcpy(copy, release->start, size);
  pages_free(kept, kept_size);
  kept = copy;
  kept_size = size;
  container.release = (struct section){ release->count, copy, copy + size };
  return true;
}

/* Takes the connection's message over: it belongs to the process that is started from it. */
static struct process_request take_message(struct connection *c)
{
  struct process_request request = { .message = c->message, .message_size = c->message_size, .requester = c };
  c->message = NULL;
  return request;
}

static void request_launch(struct connection *c, struct reader *r)
{
  struct request_launch launch;
  struct plan plan;
  if (!decode_request_launch(r, &launch) || container.id[0] != 0 || !plan_read(&plan, launch.plan.data, launch.plan.size)) {
    connection_close(c);
    return;
  }
  bool fits = copy_text(container.id, sizeof container.id, launch.id)
    && copy_text(container.exit_record_path, sizeof container.exit_record_path, launch.exit_record_path)
    && copy_text(container.oom_events_path, sizeof container.oom_events_path, launch.oom_events_path)
    && copy_text(container.socket_path, sizeof container.socket_path, launch.socket_path)
    && keep_release(&plan.release);
  container.stall_ms = launch.stall_ms;
  shim_show(container.id);
  int error = fits ? 0 : -ENAMETOOLONG;
  if (error == 0 && launch.log_path[0] != 0)
    error = log_open(launch.log_path, launch.log_max_size, launch.log_max_files, launch.log_attributes);
  if (error < 0) {
    shim_release();
    send_failed(c, launch.request, SECTION_PREPARE, -1, -error, launch.log_path);
    shim_finish();
    return;
  }
  struct process_request request = take_message(c);
  request.id = ""; /* the container is what no exec is named */
  request.stdio = launch.stdio;
  request.expected = launch.expected;
  request.request = launch.request;
  request.plan = launch.plan;
  process_start(&request);
}

static void request_exec(struct connection *c, struct reader *r)
{
  struct request_exec exec;
  if (!decode_request_exec(r, &exec) || exec.id[0] == 0) {
    connection_close(c);
    return;
  }
  int error = processes[0].state != PROCESS_RUNNING ? ESRCH : process_find(exec.id) != NULL ? EEXIST : 0;
  if (error != 0) {
    send_failed(c, exec.request, SECTION_PREPARE, -1, error, exec.id);
    return;
  }
  struct process_request request = take_message(c);
  request.id = exec.id;
  request.stdio = exec.stdio;
  request.expected = exec.expected;
  request.request = exec.request;
  request.plan = exec.plan;
  process_start(&request);
}

static void request_signal(struct connection *c, struct reader *r)
{
  struct request_signal signal;
  if (!decode_request_signal(r, &signal)) {
    connection_close(c);
    return;
  }
  struct process *p = process_find(signal.target);
  bool alive = p != NULL && (p->state == PROCESS_RUNNING || p->state == PROCESS_STARTING) && p->pidfd.fd >= 0;
  int error = alive ? -sys_pidfd_send_signal(p->pidfd.fd, (int)signal.signal) : ESRCH;
  SEND(c, done, REPLY_DONE, signal.request, (uint32_t)error);
}

static void request_resize(struct connection *c, struct reader *r)
{
  struct request_resize resize;
  if (!decode_request_resize(r, &resize)) {
    connection_close(c);
    return;
  }
  struct process *p = process_find(resize.target);
  int error = p == NULL ? ESRCH : relay_resize(p, resize.columns, resize.rows);
  SEND(c, done, REPLY_DONE, resize.request, (uint32_t)error);
}

static void request_release(struct connection *c, struct reader *r)
{
  struct request_release release;
  struct reader inner;
  struct section section;
  bool valid = decode_request_release(r, &release) && container.id[0] == 0;
  if (valid) {
    inner = (struct reader){ release.section.data, release.section.data + release.section.size };
    valid = section_read(&section, &inner) && keep_release(&section);
  }
  if (valid)
    shim_finish();
  else
    connection_close(c);
}

static bool read_section(struct section *section, struct bytes bytes)
{
  struct reader r = { bytes.data, bytes.data + bytes.size };
  return section_read(section, &r) && reader_left(&r) == 0;
}

/*
 * The shim itself goes into a mount namespace of its own and stays there, so that its root can be read through /proc. It holds
 * nothing else, and ends with the connection: whatever becomes of the daemon, nothing has to be undone.
 */
static void request_view(struct connection *c, struct reader *r)
{
  static struct runner run;
  struct request_view view;
  struct section sections[2];
  static const uint32_t kinds[2] = { SECTION_PREPARE, SECTION_INIT };
  if (!decode_request_view(r, &view) || container.id[0] != 0 || !read_section(&sections[0], view.prepare)
      || !read_section(&sections[1], view.init)) {
    connection_close(c);
    return;
  }
  shim_show("view");
  shim_withdraw();
  umask(0);
  runner_init(&run);
  for (int i = 0; i < 2; i++) {
    int32_t index = -1;
    run.section = kinds[i];
    run.object = "";
    int error = section_run(&run, &sections[i], &index);
    if (error < 0) {
      send_failed(c, view.request, kinds[i], index, -error, run.object);
      connection_close(c);
      return;
    }
  }
  runner_close(&run);
  close_fd(&run.root);
  SEND(c, done, REPLY_DONE, view.request, 0);
}

/* What changes around a container that runs: its interfaces. The shim goes where the operations lead, and comes back. */
static void request_operate(struct connection *c, struct reader *r)
{
  static struct runner run;
  struct request_operate operate;
  struct section section, release;
  int32_t index = -1;
  if (!decode_request_operate(r, &operate) || !read_section(&section, operate.section) 
      || (operate.release.size > 0 && !read_section(&release, operate.release))) {
    connection_close(c);
    return;
  }
  runner_init(&run);
  run.section = SECTION_PREPARE;
  run.object = "";
  int error = section_run(&run, &section, &index);
  const char *object = run.object;
  if (runner_return(&run) < 0)
    _exit(1); /* in the wrong place it would do harm */
  runner_close(&run);
  if (error == 0 && operate.release.size > 0 && !keep_release(&release))
    error = -ENOMEM;
  if (error < 0)
    send_failed(c, operate.request, SECTION_PREPARE, index, -error, object);
  else
    SEND(c, done, REPLY_DONE, operate.request, 0);
}

/* The daemon has handed over its client's own connection: from here on the daemon is not between the two. */
static void become_client(struct connection *c)
{
  int size = CLIENT_BUFFER;
  source_close(&c->source);
  c->source.fd = take_fd(&c->passed);
  setsockopt(c->source.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void attach_to(struct connection *c, struct process *p)
{
  c->process = p;
  c->deadline = 0;
  client_begin(c);
  if (p->expected > 0 && --p->expected == 0)
    process_update(p);
}

static void request_attach(struct connection *c, struct reader *r)
{
  struct request_attach attach;
  if (!decode_request_attach(r, &attach) || !copy_text(c->target, sizeof c->target, attach.target)) {
    connection_close(c);
    return;
  }
  c->streams = attach.streams & (STREAM_STDIN | STREAM_STDOUT | STREAM_STDERR);
  if (c->passed >= 0)
    become_client(c);
  pages_free(c->message, c->message_size);
  c->message = NULL;
  struct process *p = process_find(c->target);
  if (p != NULL && p->state == PROCESS_FINISHED) {
    connection_close(c);
  } else if (p != NULL) {
    attach_to(c, p);
  } else {
    /* The launch or the exec that this is for comes on another connection, and may come later. */
    c->kind = CONNECTION_PARKED;
    c->deadline = monotonic_ms() + LIMIT_EXPECT_MS;
    watch(&c->source, 0);
  }
}

void connection_unpark(struct process *p)
{
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_PARKED && strcmp(connections[i].target, p->id) == 0)
      attach_to(&connections[i], p);
}

static void message_dispatch(struct connection *c, uint32_t type)
{
  struct reader r = { c->message, c->message + c->message_size };
  if (c->kind == CONNECTION_NEW) {
    if (type == REQUEST_ATTACH) {
      request_attach(c, &r);
    } else if (type == REQUEST_CONTROL) {
      c->kind = CONNECTION_CONTROL;
      send_hello(c);
    } else {
      connection_close(c);
    }
    return;
  }
  switch (type) {
  case REQUEST_LAUNCH: request_launch(c, &r); break;
  case REQUEST_EXEC: request_exec(c, &r); break;
  case REQUEST_SIGNAL: request_signal(c, &r); break;
  case REQUEST_RESIZE: request_resize(c, &r); break;
  case REQUEST_RELEASE: request_release(c, &r); break;
  case REQUEST_VIEW: request_view(c, &r); break;
  case REQUEST_OPERATE: request_operate(c, &r); break;
  default: connection_close(c);
  }
}

/* ---- connections ------------------------------------------------------------------------------------------------------ */

void connection_close(struct connection *c)
{
  source_close(&c->source);
  close_fd(&c->passed);
  pages_free(c->message, c->message_size);
  pages_free(c->pending, PENDING_SIZE);
  for (int i = 0; i < process_count; i++) {
    if (processes[i].requester != c)
      continue;
    processes[i].requester = NULL;
    processes[i].expected = 0; /* the daemon that announced attachments has gone */
    process_update(&processes[i]);
  }
  memset(c, 0, sizeof *c);
  c->source.fd = c->passed = -1;
}

void control_close(void)
{
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_CONTROL)
      connection_close(&connections[i]);
}

/* Keeps the one descriptor that may come with an `attach`; the kernel has installed any others only to be closed. */
static void keep_passed(struct connection *c, struct msghdr *message)
{
  struct cmsghdr *rights = CMSG_FIRSTHDR(message);
  if (rights == NULL || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
    return;
  size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  int fds[2];
  memcpy(fds, CMSG_DATA(rights), count * sizeof(int));
  for (size_t i = 0; i < count; i++) {
    struct stat st;
    if (i == 0 && c->kind == CONNECTION_NEW && c->passed < 0 && fstat(fds[0], &st) == 0 && S_ISSOCK(st.st_mode))
      c->passed = fds[0];
    else
      close(fds[i]);
  }
}

/* Reads up to `size` bytes into place; how many, 0 when there are none now, -1 at the end. */
static ssize_t receive(struct connection *c, void *out, size_t size)
{
  struct iovec content = { out, size };
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = { .msg_iov = &content, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t n = recvmsg(c->source.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n > 0)
    keep_passed(c, &message);
  return n > 0 ? n : -1;
}

/* Reads exactly one message at a time: what follows an `attach` is the process's input and stays in the socket. */
static void message_ready(struct source *source, uint32_t events)
{
  struct connection *c = (struct connection *)source;
  (void)events;
  if (c->message == NULL) {
    ssize_t n = receive(c, c->header + c->have, sizeof c->header - c->have);
    if (n < 0)
      connection_close(c);
    if (n <= 0 || (c->have += (size_t)n) < sizeof c->header)
      return;
    uint32_t size;
    memcpy(&size, c->header, sizeof size);
    c->have = 0;
    c->message_size = size;
    c->message = size > LIMIT_MAX_MESSAGE ? NULL : pages_alloc(size == 0 ? 1 : size);
    if (c->message == NULL) {
      connection_close(c);
      return;
    }
  }
  if (c->have < c->message_size) {
    ssize_t n = receive(c, c->message + c->have, c->message_size - c->have);
    if (n < 0)
      connection_close(c);
    if (n <= 0 || (c->have += (size_t)n) < c->message_size)
      return;
  }
  uint32_t type;
  memcpy(&type, c->header + 4, sizeof type);
  c->have = 0;
  message_dispatch(c, type);
  /* Unless the connection has gone, or a process has taken the message over. */
  pages_free(c->message, c->message_size);
  c->message = NULL;
}

static struct connection *connection_new(int fd, enum connection_kind kind)
{
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    if (c->kind != CONNECTION_FREE)
      continue;
    if (i == connection_count)
      connection_count++;
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->passed = -1;
    c->source = (struct source){ fd, 0, message_ready };
    watch(&c->source, EPOLLIN);
    return c;
  }
  close(fd);
  return NULL;
}

void connection_adopt(int fd)
{
  connection_new(fd, CONNECTION_CONTROL);
}

/* The socket's directory lets only its owner in; that the kernel says the same of the peer costs nothing to ask. */
static bool is_trusted(int fd)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

void connection_accept(struct source *listener, uint32_t events)
{
  (void)events;
  for (;;) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
      return;
    if (!is_trusted(fd)) {
      close(fd);
      continue;
    }
    struct connection *c = connection_new(fd, CONNECTION_NEW);
    if (c != NULL)
      message_ready(&c->source, EPOLLIN); /* its header was most likely sent together with the connection */
    if (c != NULL && c->kind == CONNECTION_NEW)
      message_ready(&c->source, EPOLLIN);
  }
}
