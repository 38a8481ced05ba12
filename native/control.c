/* Connections to the shim: who they are, and their messages as bytes. The picture of it stands in protocol.h. */
#include "shim.h"
#include "sys.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct connection connections[MAX_CONNECTIONS];
int connection_count;

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
