/* What daemons and clients ask. */
#include "shim.h"
#include "sys.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

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
  send_done(c, signal.request, error);
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
  send_done(c, resize.request, error);
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
  send_done(c, view.request, 0);
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
    send_done(c, operate.request, 0);
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

void message_dispatch(struct connection *c, uint32_t type)
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
