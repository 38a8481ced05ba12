/*
 * The relay of a container's published ports: copies bytes where the packet filter cannot translate, which is from `::1`, and from IPv6 to
 * a container that has only IPv4; all there is, where the host's own input rules are to be asked. A process of its own, nobody's in particular and without a right, so that it costs nothing while it is
 * not used, and takes nothing from the shim while it is. It reads no byte for what it means.
 */
#include "port.h"
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MAX_LINKS 4096
#define MAX_SESSIONS 1024
#define PIECE 65536
#define NOBODY 65534
#define SESSION_IDLE_MS 90000 /* as long as Docker keeps one */
#define IDLE_MS 10000
#define PAUSE_MS 1000

static struct port *ports;
static int port_count;
static uint8_t buffer[PIECE] __attribute__((aligned(4096)));
static int busy; /* links and sessions */
static uint64_t idle_since;
static uint64_t resume; /* when new connections are taken again after descriptors ran out; 0: they are */

static void listen_to_all(uint32_t events)
{
  for (int i = 0; i < port_count; i++)
    if (ports[i].target_size > 0)
      watch(&ports[i].source, events);
}

/* Whatever there is too little of: what has ended gives some back. */
static void pause_listening(void)
{
  resume = monotonic_ms() + PAUSE_MS;
  listen_to_all(0);
}

static void work_begins(void)
{
  busy++;
}

static void work_ends(void)
{
  if (--busy == 0)
    idle_since = monotonic_ms();
}

static int open_to(const struct port *port, int type)
{
  CLOSE int fd = socket(port->target.v4.sin_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  if (syscall(SYS_connect, fd, &port->target, port->target_size) < 0 && errno != EINPROGRESS)
    return -errno;
  return take_fd(&fd);
}

/* ---- TCP -------------------------------------------------------------------------------------------------------------- */

/* One end of a connection: the client's, or the one to the container. */
struct end {
  struct source source;
  uint8_t *pending; /* PIECE bytes, only while it has not taken all that the other end sent */
  size_t at, size;
  bool ended; /* it sends nothing any more */
};

struct link {
  struct end client, container;
  bool connected;
};

static struct link links[MAX_LINKS];

static void on_client(struct source *source, uint32_t events);
static void on_container(struct source *source, uint32_t events);

static void end_close(struct end *end, bool reset)
{
  struct linger at_once = { 1, 0 };
  if (reset && end->source.fd >= 0)
    setsockopt(end->source.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  source_close(&end->source);
  pages_free(end->pending, PIECE);
  end->pending = NULL;
}

static void link_close(struct link *link, bool reset)
{
  end_close(&link->client, reset);
  end_close(&link->container, reset);
  work_ends();
}

static void update_end(struct end *end, const struct end *other, bool connected)
{
  bool reads = connected && !end->ended && other->pending == NULL;
  watch(&end->source, (reads ? EPOLLIN : 0) | (end->pending != NULL || !connected ? EPOLLOUT : 0));
}

static void link_update(struct link *link)
{
  if (link->client.ended && link->container.ended && link->client.pending == NULL && link->container.pending == NULL) {
    link_close(link, false);
    return;
  }
  update_end(&link->container, &link->client, link->connected);
  if (link->connected)
    update_end(&link->client, &link->container, true);
}

static void set_option(int fd, int level, int name, int value)
{
  setsockopt(fd, level, name, &value, sizeof value);
}

/* A peer that has gone without a word is noticed some time. */
static void keep_alive(int fd)
{
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* What is left of it waits in `pending`; false when it takes nothing any more. */
static bool hand_over(struct end *to, const uint8_t *data, size_t size)
{
  ssize_t sent = send(to->source.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR)
    return false;
  size_t taken = sent < 0 ? 0 : (size_t)sent;
  if (taken == size)
    return true;
  to->pending = pages_alloc(PIECE);
  if (to->pending == NULL)
    return false;
  memcpy(to->pending, data + taken, size - taken);
  to->at = 0;
  to->size = size - taken;
  return true;
}

static bool send_pending(struct end *to)
{
  ssize_t sent = send(to->source.fd, to->pending + to->at, to->size - to->at, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0)
    return errno == EAGAIN || errno == EINTR;
  to->at += (size_t)sent;
  if (to->at < to->size)
    return true;
  pages_free(to->pending, PIECE);
  to->pending = NULL;
  return true;
}

/* One piece from one end to the other; false when the connection is broken. */
static bool pass_on(struct end *from, struct end *to)
{
  ssize_t size = recv(from->source.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (size < 0)
    return errno == EAGAIN || errno == EINTR;
  from->ended = size == 0;
  return size == 0 || hand_over(to, buffer, (size_t)size);
}

/* What one end has said to its end is said to the other, once that has taken it all. */
static void pass_end_on(const struct end *from, const struct end *to)
{
  if (from->ended && to->pending == NULL)
    shutdown(to->source.fd, SHUT_WR);
}

static bool carry(struct end *end, struct end *other, uint32_t events)
{
  if (end->pending != NULL && events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
    if (!send_pending(end))
      return false;
    pass_end_on(other, end);
  }
  if (!end->ended && other->pending == NULL && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    if (!pass_on(end, other))
      return false;
    pass_end_on(end, other);
  }
  return true;
}

static void on_client(struct source *source, uint32_t events)
{
  struct link *link = (struct link *)((char *)source - offsetof(struct link, client.source));
  if (carry(&link->client, &link->container, events))
    link_update(link);
  else
    link_close(link, true);
}

static void on_container(struct source *source, uint32_t events)
{
  struct link *link = (struct link *)((char *)source - offsetof(struct link, container.source));
  if (!link->connected) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    link->connected = error == 0;
    if (error != 0)
      link_close(link, true);
    else
      link_update(link);
    return;
  }
  if (carry(&link->container, &link->client, events))
    link_update(link);
  else
    link_close(link, true);
}

static struct link *link_find(void)
{
  for (int i = 0; i < MAX_LINKS; i++)
    if (links[i].client.source.ready == NULL || links[i].client.source.fd < 0)
      return &links[i];
  return NULL;
}

static void on_connection(struct source *source, uint32_t events)
{
  (void)events;
  struct port *port = (struct port *)((char *)source - offsetof(struct port, source));
  struct link *link = link_find();
  CLOSE int client = link == NULL ? -1 : accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    if (link == NULL || errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      pause_listening();
    return;
  }
  int container_fd = open_to(port, SOCK_STREAM);
  if (container_fd < 0)
    return;
  keep_alive(client);
  keep_alive(container_fd);
  memset(link, 0, sizeof *link);
  link->client.source = (struct source){ take_fd(&client), 0, on_client };
  link->container.source = (struct source){ container_fd, 0, on_container };
  work_begins();
  link_update(link);
}

/* ---- UDP -------------------------------------------------------------------------------------------------------------- */

/* The address of the host that a datagram came to, as IP_PKTINFO and IPV6_PKTINFO have it. */
struct local {
  int level, type;
  union {
    struct in_pktinfo v4;
    struct in6_pktinfo v6;
  } info;
  size_t size;
};

/* Who asks, at which address of the host, and the socket that the container answers on. */
struct session {
  struct source source;
  const struct port *port;
  union address client;
  struct local local;
  uint64_t used;
};

static struct session sessions[MAX_SESSIONS];
static int session_count;

static void session_close(struct session *session)
{
  source_close(&session->source);
  work_ends();
}

static void on_answer(struct source *source, uint32_t events)
{
  (void)events;
  struct session *session = (struct session *)((char *)source - offsetof(struct session, source));
  ssize_t size = recv(source->fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (size < 0)
    return; /* nobody listens there, perhaps not yet: the next datagram tries again */
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof session->local.info)];
  } control = { 0 };
  const struct local *local = &session->local;
  control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(local->size), .cmsg_level = local->level, .cmsg_type = local->type };
  memcpy(CMSG_DATA(&control.header), &local->info, local->size);
  struct iovec content = { buffer, (size_t)size };
  struct msghdr message = {
    .msg_name = &session->client, .msg_namelen = session->port->address_size, .msg_iov = &content, .msg_iovlen = 1,
    .msg_control = &control, .msg_controllen = CMSG_SPACE(local->size),
  };
  session->used = monotonic_ms();
  sendmsg(session->port->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_of(const struct session *session, const struct port *port, const union address *client, const struct local *local)
{
  return session->source.fd >= 0 && session->port == port && memcmp(&session->client, client, port->address_size) == 0
      && memcmp(&session->local.info, &local->info, local->size) == 0;
}

/* A free place, or that of the session which has been idle for longest. */
static struct session *session_place(void)
{
  struct session *oldest = &sessions[0];
  for (int i = 0; i < session_count; i++) {
    if (sessions[i].source.fd < 0)
      return &sessions[i];
    if (sessions[i].used < oldest->used)
      oldest = &sessions[i];
  }
  if (session_count < MAX_SESSIONS)
    return &sessions[session_count++];
  session_close(oldest);
  return oldest;
}

static struct session *session_for(const struct port *port, const union address *client, const struct local *local)
{
  for (int i = 0; i < session_count; i++)
    if (is_of(&sessions[i], port, client, local))
      return &sessions[i];
  int fd = open_to(port, SOCK_DGRAM);
  if (fd < 0)
    return NULL;
  struct session *session = session_place();
  *session = (struct session){ .source = { fd, 0, on_answer }, .port = port, .client = *client, .local = *local };
  watch(&session->source, EPOLLIN);
  work_begins();
  return session;
}

static bool local_address(struct msghdr *message, struct local *local)
{
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  if (header == NULL)
    return false;
  bool is_v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO;
  memset(local, 0, sizeof *local);
  local->level = header->cmsg_level;
  local->type = header->cmsg_type;
  local->size = is_v4 ? sizeof local->info.v4 : sizeof local->info.v6;
  if ((!is_v4 && (header->cmsg_level != IPPROTO_IPV6 || header->cmsg_type != IPV6_PKTINFO)) || header->cmsg_len < CMSG_LEN(local->size))
    return false;
  memcpy(&local->info, CMSG_DATA(header), local->size);
  /* The way back is the routes' affair, but for addresses that mean something on one link alone. */
  if (is_v4)
    local->info.v4 = (struct in_pktinfo){ .ipi_spec_dst = local->info.v4.ipi_spec_dst };
  else if (!IN6_IS_ADDR_LINKLOCAL(&local->info.v6.ipi6_addr))
    local->info.v6.ipi6_ifindex = 0;
  return true;
}

static void on_datagram(struct source *source, uint32_t events)
{
  (void)events;
  const struct port *port = (const struct port *)((char *)source - offsetof(struct port, source));
  union address client = { 0 };
  struct local local;
  char control[CMSG_SPACE(sizeof local.info)] __attribute__((aligned(8)));
  struct iovec content = { buffer, sizeof buffer };
  struct msghdr message = {
    .msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &content, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control,
  };
  ssize_t size = recvmsg(source->fd, &message, MSG_DONTWAIT);
  if (size < 0 || message.msg_namelen != port->address_size || !local_address(&message, &local))
    return;
  if (port->address.v4.sin_family == AF_INET6)
    client.v6.sin6_flowinfo = 0;
  struct session *session = session_for(port, &client, &local);
  if (session == NULL)
    return;
  session->used = monotonic_ms();
  send(session->source.fd, buffer, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Ends sessions that nobody uses any more; the next such time. */
static uint64_t session_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < session_count; i++) {
    if (sessions[i].source.fd < 0)
      continue;
    uint64_t end = sessions[i].used + SESSION_IDLE_MS;
    if (end <= now)
      session_close(&sessions[i]);
    else if (end < next)
      next = end;
  }
  return next;
}

/* ---- its life --------------------------------------------------------------------------------------------------------- */

/* It belongs to nobody, may do nothing, and ends with the shim at the latest. */
static bool give_up_rights(pid_t parent)
{
  struct rlimit files;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
  }
  return syscall(SYS_setgroups, 0, NULL) == 0
      && syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) == 0
      && syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0
      && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
      && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
      /* A change of user takes this back: after it. */
      && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
      && syscall(SYS_getppid) == parent;
}

static int next_timeout(void)
{
  uint64_t now = monotonic_ms(), next = session_timers(now);
  if (resume != 0 && resume <= now) {
    resume = 0;
    listen_to_all(EPOLLIN);
  }
  if (resume != 0 && resume < next)
    next = resume;
  if (busy == 0 && idle_since + IDLE_MS < next)
    next = idle_since + IDLE_MS;
  return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

void port_relay(struct port *all, int count, pid_t parent)
{
  static int keep[16384];
  ports = all;
  port_count = count;
  size_t kept = 0;
  keep[kept++] = watch_anew();
  for (int i = 0; i < count; i++) {
    ports[i].source.ready = ports[i].is_datagram ? on_datagram : on_connection;
    if (ports[i].target_size > 0)
      keep[kept++] = ports[i].source.fd;
  }
  close_all_but(keep, kept);
  if (!give_up_rights(parent))
    _exit(1);
  idle_since = monotonic_ms();
  listen_to_all(EPOLLIN);
  for (;;) {
    struct epoll_event event;
    int timeout = next_timeout();
    if (watch_wait(&event, timeout)) {
      struct source *source = event.data.ptr;
      source->ready(source, event.events);
    } else if (busy == 0 && monotonic_ms() - idle_since >= IDLE_MS) {
      _exit(0); /* who comes now is found by the shim */
    }
  }
}
