/*
 * Output from a process to its log and its clients, input from clients to the process.
 *
 * Output is read a chunk at a time and given to the log and to every client at once. A client that does not take all of it
 * keeps the rest, and nothing more is read until it has: the pipe fills and the process waits, as with any pipe. A client that
 * takes nothing for `stall_ms` is let go. With no client, output goes to the log alone, or nowhere.
 */
#include "shim.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

uint8_t io_buffer[FRAME_HEADER + CHUNK] __attribute__((aligned(4096)));

/* ---- clients ---------------------------------------------------------------------------------------------------------- */

static void pending_free(struct connection *client)
{
  pages_free(client->pending, PENDING_SIZE);
  client->pending = NULL;
  client->pending_at = client->pending_end = 0;
  client->deadline = 0;
}

/*
 * All has been sent. Closing a socket with unread input in it would make the kernel reset the connection, and the client could lose
 * the end of its output: the client closes first, or its time is up.
 */
static void client_linger(struct connection *client)
{
  shutdown(client->source.fd, SHUT_WR);
  client->deadline = monotonic_ms() + LINGER_MS;
  watch(&client->source, EPOLLIN);
}

/* The client takes no more output; what it has sent as input is still read. The caller updates the process afterwards. */
static void client_deaf(struct connection *client)
{
  pending_free(client);
  client->streams &= STREAM_STDIN;
  if (client->streams == 0 || client->kind == CONNECTION_CLOSING)
    connection_close(client);
  else
    client_update(client);
}

static bool pending_add(struct connection *client, const uint8_t *data, size_t size)
{
  if (client->pending == NULL) {
    client->pending = pages_alloc(PENDING_SIZE);
    client->deadline = monotonic_ms() + container.stall_ms;
  }
  if (client->pending == NULL || PENDING_SIZE - client->pending_end < size)
    return false;
  memcpy(client->pending + client->pending_end, data, size);
  client->pending_end += size;
  return true;
}

static void client_send(struct connection *client, const uint8_t *data, size_t size)
{
  size_t sent = 0;
  while (client->pending == NULL && sent < size) {
    ssize_t n = send(client->source.fd, data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno != EAGAIN) {
      client_deaf(client);
      return;
    }
    if (n < 0)
      break;
    sent += (size_t)n;
  }
  if (sent == size)
    return;
  if (!pending_add(client, data + sent, size - sent))
    client_deaf(client);
  else
    client_update(client);
}

/* Sends what is waiting; true when the connection is still there. */
static bool client_flush(struct connection *client)
{
  struct process *p = client->process;
  while (client->pending_at < client->pending_end) {
    ssize_t n = send(client->source.fd, client->pending + client->pending_at, client->pending_end - client->pending_at,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return true;
    if (n < 0) {
      client_deaf(client);
      if (p != NULL)
        process_update(p);
      return client->kind != CONNECTION_FREE;
    }
    client->pending_at += (size_t)n;
    client->deadline = monotonic_ms() + container.stall_ms;
  }
  if (client->pending == NULL)
    return true;
  pending_free(client);
  client_update(client);
  if (p != NULL)
    process_update(p);
  return client->kind != CONNECTION_FREE;
}

bool clients_block(const struct process *process)
{
  /* After the exit, what is left in the pipes is little and bounded: it is taken over, so that the exit can be told at once. */
  size_t enough = process->state == PROCESS_DRAINING ? PENDING_SIZE - sizeof io_buffer : 0;
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_ATTACHED && connections[i].process == process && connections[i].pending_end > enough)
      return true;
  return false;
}

static void clients_update(const struct process *p)
{
  for (int i = 0; i < connection_count; i++)
    if (connections[i].kind == CONNECTION_ATTACHED && connections[i].process == p)
      client_update(&connections[i]);
}

/* ---- input ------------------------------------------------------------------------------------------------------------ */

static void input_close(struct process *p)
{
  source_close(&p->input);
  p->input_state = INPUT_NONE;
  clients_update(p);
}

/* The client sends no more input. What follows is Docker's: */
static void input_end(struct connection *client)
{
  struct process *p = client->process;
  uint32_t mode = p->stdio & (STDIO_OPEN_STDIN | STDIO_STDIN_ONCE | STDIO_TTY);
  client->streams &= ~(uint32_t)STREAM_STDIN;
  if (mode == (STDIO_OPEN_STDIN | STDIO_STDIN_ONCE)) {
    input_close(p); /* the process reads the end of its input; the client goes on reading */
  } else if ((mode & STDIO_OPEN_STDIN) != 0) {
    client_end(client); /* stdin stays open for others; this client has detached */
    return;
  }
  client_update(client);
}

/* Moves input from a client to its process. Looked at first, then taken as far as the process took it: nothing is kept here. */
static void input_move(struct connection *client)
{
  struct process *p = client->process;
  ssize_t size = recv(client->source.fd, io_buffer, CHUNK, MSG_PEEK | MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (size <= 0) {
    input_end(client);
    return;
  }
  ssize_t taken = size;
  if (p->input_state == INPUT_OPEN) {
    taken = write(p->input.fd, io_buffer, (size_t)size);
    if (taken < 0 && (errno == EAGAIN || errno == EINTR)) {
      p->input_state = INPUT_FULL;
      watch(&p->input, EPOLLOUT);
      clients_update(p);
      return;
    }
    if (taken < 0) { /* the process has closed its input: the rest is read and dropped */
      input_close(p);
      taken = size;
    }
  }
  recv(client->source.fd, io_buffer, (size_t)taken, MSG_DONTWAIT);
}

/* The process reads again, or has closed its input. */
static void input_ready(struct source *source, uint32_t events)
{
  struct process *p = (struct process *)((char *)source - offsetof(struct process, input));
  (void)events;
  watch(source, 0);
  p->input_state = INPUT_OPEN;
  clients_update(p);
}

/* The client has gone altogether, or is sent away. */
static void client_leave(struct connection *client)
{
  struct process *p = client->process;
  if (client->kind == CONNECTION_ATTACHED && (client->streams & STREAM_STDIN) != 0)
    input_end(client);
  if (client->kind != CONNECTION_FREE)
    connection_close(client);
  if (p != NULL)
    process_update(p);
}

/* ---- a client's connection -------------------------------------------------------------------------------------------- */

static void client_ready(struct source *source, uint32_t events)
{
  struct connection *client = (struct connection *)source;
  if ((events & EPOLLOUT) != 0 && !client_flush(client))
    return;
  if (client->kind == CONNECTION_ATTACHED && (client->streams & STREAM_STDIN) != 0) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
      input_move(client);
    return;
  }
  if (client->kind == CONNECTION_CLOSING && client->pending == NULL && (events & EPOLLIN) != 0) {
    ssize_t n = recv(client->source.fd, io_buffer, CHUNK, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
      connection_close(client);
    return;
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0)
    client_leave(client);
}

void client_update(struct connection *client)
{
  bool attached = client->kind == CONNECTION_ATTACHED;
  if (client->kind == CONNECTION_CLOSING && client->pending == NULL) {
    client_linger(client);
    return;
  }
  if (!attached && client->kind != CONNECTION_CLOSING)
    return;
  uint32_t events = client->pending != NULL ? EPOLLOUT : 0;
  if (attached && (client->streams & STREAM_STDIN) != 0) {
    enum input_state input = client->process->input_state;
    if (input == INPUT_OPEN || input == INPUT_NONE)
      events |= EPOLLIN;
    /* Waiting for the process: a hang-up is noticed afterwards, behind the input that was sent before it. */
  } else {
    events |= WATCH_HANGUP;
  }
  watch(&client->source, events);
}

void client_begin(struct connection *client)
{
  client->kind = CONNECTION_ATTACHED;
  client->source.ready = client_ready;
  client_update(client);
}

/* Its process is over, or it has detached: what is pending is sent, then it is closed. */
void client_end(struct connection *client)
{
  struct process *p = client->process;
  client->kind = CONNECTION_CLOSING;
  client->process = NULL;
  client_update(client);
  if (p != NULL)
    process_update(p);
}

uint64_t client_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < connection_count; i++) {
    struct connection *c = &connections[i];
    if (c->kind == CONNECTION_FREE || c->deadline == 0)
      continue;
    if (c->deadline > now) {
      next = c->deadline < next ? c->deadline : next;
      continue;
    }
    client_leave(c);
  }
  return next;
}

/* ---- output ----------------------------------------------------------------------------------------------------------- */

static void output_give(struct stream *stream, size_t size)
{
  struct process *p = stream->process;
  bool tty = (p->stdio & STDIO_TTY) != 0;
  uint32_t wanted = stream->number == 2 ? STREAM_STDERR : STREAM_STDOUT;
  uint8_t *data = io_buffer + FRAME_HEADER;
  if (p == &processes[0])
    log_write(stream->number, data, size);
  uint8_t header[FRAME_HEADER] = { stream->number, 0, 0, 0,
    (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
  memcpy(io_buffer, header, sizeof header);
  for (int i = 0; i < connection_count; i++) {
    struct connection *client = &connections[i];
    if (client->kind != CONNECTION_ATTACHED || client->process != p || (client->streams & wanted) == 0)
      continue;
    if (tty)
      client_send(client, data, size);
    else
      client_send(client, io_buffer, size + FRAME_HEADER);
  }
}

static void stream_widen(struct stream *stream, bool wide)
{
  if (stream->source.fd >= 0 && stream->wide != wide)
    stream->wide = fcntl(stream->source.fd, F_SETPIPE_SZ, wide ? PIPE_WIDE : PIPE_STANDARD) == PIPE_WIDE;
}

void relay_read(struct stream *stream, bool to_the_end)
{
  struct process *p = stream->process;
  /* A turn is bounded, so that no process keeps the others' events waiting. */
  for (int turns = to_the_end ? 16 : 4; turns > 0 && stream->source.fd >= 0 && !clients_block(p); turns--) {
    ssize_t size = read(stream->source.fd, io_buffer + FRAME_HEADER, CHUNK);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && errno == EAGAIN)
      break;
    /* EIO: the last holder of the terminal's other side has gone. */
    if (size <= 0) {
      source_close(&stream->source);
      break;
    }
    if (size >= PIPE_STANDARD)
      stream_widen(stream, true);
    output_give(stream, (size_t)size);
    if (size < 4096 && !to_the_end)
      break;
  }
  log_flush(false);
}

void relay_trim(void)
{
  for (int i = 0; i < process_count; i++)
    for (int k = 0; k < 2; k++)
      stream_widen(&processes[i].streams[k], false);
  madvise(io_buffer, sizeof io_buffer & ~(size_t)4095, MADV_DONTNEED);
}

static void output_ready(struct source *source, uint32_t events)
{
  struct stream *stream = (struct stream *)source;
  (void)events;
  relay_read(stream, false);
  process_update(stream->process);
}

static void stream_begin(struct process *p, int index, int fd)
{
  p->streams[index] = (struct stream){ { fd, 0, output_ready }, p, (uint8_t)(index + 1), false };
}

/* The process has handed over its stdio: [input,] output, error, or the master of its terminal. */
void relay_begin(struct process *p, const int *fds, size_t count, bool terminal)
{
  for (size_t i = 0; i < count; i++)
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
  int input = -1;
  if (terminal) {
    stream_begin(p, 0, fds[0]);
    /* A second descriptor, because one is watched for output and the other, now and then, for room. */
    if ((p->stdio & STDIO_OPEN_STDIN) != 0)
      input = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
    if (p->columns != 0)
      relay_resize(p, p->columns, p->rows);
  } else {
    size_t first = count == 3 ? 1 : 0;
    input = count == 3 ? fds[0] : -1;
    stream_begin(p, 0, fds[first]);
    stream_begin(p, 1, fds[first + 1]);
  }
  p->input = (struct source){ input, 0, input_ready };
  p->input_state = input >= 0 ? INPUT_OPEN : INPUT_NONE;
  clients_update(p);
}

static void relay_leave(struct process *p, void (*leave)(struct connection *client))
{
  source_close(&p->streams[0].source);
  source_close(&p->streams[1].source);
  source_close(&p->input);
  p->input_state = INPUT_NONE;
  for (int i = 0; i < connection_count; i++)
    if (connections[i].process == p && connections[i].kind == CONNECTION_ATTACHED)
      leave(&connections[i]);
}

void relay_close(struct process *p)
{
  relay_leave(p, client_end);
}

void relay_forsake(struct process *p)
{
  relay_leave(p, connection_close);
}

int relay_resize(struct process *p, uint32_t columns, uint32_t rows)
{
  struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
  if ((p->stdio & STDIO_TTY) == 0)
    return ENOTTY;
  if (p->state == PROCESS_STARTING && p->streams[0].source.fd < 0) {
    p->columns = size.ws_col;
    p->rows = size.ws_row;
    return 0;
  }
  if (p->streams[0].source.fd < 0)
    return ESRCH;
  return ioctl(p->streams[0].source.fd, TIOCSWINSZ, &size) < 0 ? errno : 0;
}
