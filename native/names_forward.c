/* What the container's networks do not know: asked of name servers outside, over UDP. Their answers are passed on as they are. */
#include "names.h"
#include <sys/socket.h>
#include <sys/syscall.h>

/* A server as the operation names it, 24 bytes: where it is asked from, the scope of a link-local address, the address (IPv4 mapped). */
struct name_server {
  bool from_host;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  socklen_t size;
};
#define SERVER_BYTES 24
#define DNS_PORT 53

static struct name_server servers[NAMES_LED + MAX_SERVERS]; /* those set, and those kept */
static uint32_t server_count, kept_count, flags;

/* A query on its way. */
struct forward {
  struct source source; /* connected to the server: the kernel takes datagrams of that one alone */
  struct sockaddr_in client;
  uint64_t deadline;
  uint32_t server;
  uint8_t id[2]; /* the client's */
  size_t size;
  uint8_t query[MAX_FORWARDED];
};

static struct forward forwards[LIMIT_NAME_FORWARDS];
static int forward_count; /* entries ever used */
static uint8_t answer[MAX_DNS_MESSAGE];

static void on_answer(struct source *source, uint32_t events);

int names_set_servers(const struct bytes *list, uint32_t new_flags)
{
  static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  if (list->size % SERVER_BYTES != 0 || list->size / SERVER_BYTES > MAX_SERVERS)
    return -EINVAL;
  flags = new_flags;
  server_count = list->size / SERVER_BYTES;
  for (uint32_t i = 0; i < server_count; i++) {
    const uint8_t *bytes = list->data + (size_t)i * SERVER_BYTES;
    struct name_server *server = &servers[i];
    memset(server, 0, sizeof *server);
    server->from_host = u32_at(bytes, 0) != 0;
    if (memcmp(bytes + 8, mapped, sizeof mapped) == 0) {
      server->address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = __builtin_bswap16(DNS_PORT) };
      memcpy(&server->address.v4.sin_addr, bytes + 20, 4);
      server->size = sizeof server->address.v4;
    } else {
      server->address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = __builtin_bswap16(DNS_PORT), .sin6_scope_id = u32_at(bytes, 1) };
      memcpy(&server->address.v6.sin6_addr, bytes + 8, 16);
      server->size = sizeof server->address.v6;
    }
  }
  return 0;
}

bool names_keeps(const struct name_query *query)
{
  return (flags & NAMES_NDOTS_SET) != 0 && (query->type == TYPE_A || query->type == TYPE_AAAA) && !query->has_dot;
}

bool names_come_last(void)
{
  return (flags & NAMES_LAST) != 0;
}

uint32_t names_keep_servers(void)
{
  memcpy(servers + NAMES_LED, servers, server_count * sizeof servers[0]);
  kept_count = server_count;
  return kept_count;
}

static int open_socket(const struct name_server *server, int type)
{
  int kind = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (server->from_host)
    return result(socket(server->address.any.sa_family, kind, 0));
  CLOSE int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0 || !names_enter(names_namespace()))
    return -errno;
  int fd = result(socket(server->address.any.sa_family, kind, 0));
  names_return(own);
  return fd;
}

int names_connect(uint32_t index, int type)
{
  /* What is on the host's loopback is outside, and out of bounds for a container without a way there. */
  if (index >= (index < NAMES_LED ? server_count : NAMES_LED + kept_count))
    return -EDESTADDRREQ;
  if (servers[index].from_host && (flags & NAMES_OUTSIDE) == 0)
    return -ENETUNREACH;
  CLOSE int fd = open_socket(&servers[index], type);
  if (fd < 0)
    return fd;
  /* What we send is not to be led back to us. */
  uint32_t mark = LIMIT_NAME_MARK;
  if (kept_count > 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0)
    return -errno;
  /* A router that says there is no way makes the next server's turn come at once (ip(7), IP_RECVERR). */
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  if (syscall(SYS_connect, fd, &servers[index].address, servers[index].size) < 0 && errno != EINPROGRESS)
    return -errno;
  return take_fd(&fd);
}

static void forward_end(struct forward *forward)
{
  source_close(&forward->source);
  forward->size = 0;
}

static void reply_and_end(struct forward *forward, uint8_t *data, size_t size)
{
  memcpy(data, forward->id, sizeof forward->id);
  names_reply(&forward->client, data, size);
  forward_end(forward);
}

/* No server has an answer. */
static void give_up(struct forward *forward)
{
  struct name_query query;
  unsigned wrong;
  name_query_read(&query, forward->query, forward->size, &wrong);
  reply_and_end(forward, answer, name_result(&query, answer, RESULT_FAILURE));
}

/* Asks the server that it is at, or the first behind it that can be asked. An id and a port of chance: who cannot see the query cannot answer it (RFC 5452). */
static void ask(struct forward *forward)
{
  int fd;
  while ((fd = names_connect(forward->server, SOCK_DGRAM)) != -EDESTADDRREQ) {
    random_bytes(forward->query, 2);
    if (fd >= 0 && send(fd, forward->query, forward->size, MSG_NOSIGNAL) == (ssize_t)forward->size) {
      forward->source = (struct source){ fd, 0, on_answer };
      forward->deadline = monotonic_ms() + DNS_TIMEOUT_MS;
      watch(&forward->source, EPOLLIN);
      return;
    }
    close_fd(&fd);
    forward->server++;
  }
  give_up(forward);
}

static void ask_next(struct forward *forward)
{
  source_close(&forward->source);
  forward->server++;
  ask(forward);
}

static void on_answer(struct source *source, uint32_t events)
{
  struct forward *forward = (struct forward *)source;
  struct name_query query;
  unsigned wrong;
  (void)events;
  ssize_t got = recv(source->fd, answer, sizeof answer, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got < 0) {
    ask_next(forward); /* nobody is there */
    return;
  }
  name_query_read(&query, forward->query, forward->size, &wrong);
  if (!name_answers(&query, be16_at(forward->query), answer, (size_t)got))
    return;
  unsigned code = answer[3] & 0x0f;
  if (code == RESULT_FAILURE || code == RESULT_REFUSED)
    ask_next(forward);
  else
    reply_and_end(forward, answer, (size_t)got);
}

static struct forward *free_forward(void)
{
  for (int i = 0; i < LIMIT_NAME_FORWARDS; i++) {
    if (forwards[i].size > 0)
      continue;
    if (i == forward_count)
      forward_count++;
    return &forwards[i];
  }
  return NULL;
}

void names_forward(const struct name_query *query, const struct sockaddr_in *client)
{
  struct forward *forward = query->size <= MAX_FORWARDED ? free_forward() : NULL;
  if (forward == NULL) {
    names_reply(client, answer, name_result(query, answer, RESULT_REFUSED));
    return;
  }
  forward->source.fd = -1;
  forward->client = *client;
  forward->server = 0;
  forward->size = query->size;
  memcpy(forward->id, query->data, sizeof forward->id);
  memcpy(forward->query, query->data, query->size);
  ask(forward);
}

uint64_t names_forward_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < forward_count; i++) {
    if (forwards[i].size > 0 && forwards[i].deadline <= now)
      ask_next(&forwards[i]);
    if (forwards[i].size > 0 && forwards[i].deadline < next)
      next = forwards[i].deadline;
  }
  return next;
}

void names_forward_close(void)
{
  for (int i = 0; i < forward_count; i++)
    if (forwards[i].size > 0)
      forward_end(&forwards[i]);
}
