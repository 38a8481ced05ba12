/*
 * The container's name service: sockets in its network namespace whose queries a daemon answers. They live as long as the shim, so
 * that what is asked while no daemon is there waits in the kernel. Over UDP the token of a query is the address to answer; nothing
 * is kept here but the TCP connections.
 */
#include "shim.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MAX_DNS_MESSAGE 65535
#define NETLINK_FAMILY_NETFILTER 12
#define PORT_ATTEMPTS 16

static void on_datagram(struct source *source, uint32_t events);
static void on_client(struct source *source, uint32_t events);
static void on_stream(struct source *source, uint32_t events);

static struct source datagrams = { -1, 0, on_datagram }, streams = { -1, 0, on_client };
static int table_owner = -1; /* the netlink socket that the packet filter's table belongs to */
static struct connection *server; /* the daemon that answers */

/* One TCP connection: a length in two bytes, big-endian, before each message; one query at a time. */
struct name_client {
  struct source source;
  uint32_t generation; /* of this place in the table: an answer may come for the one before */
  uint64_t deadline;
  size_t have;
  bool asked; /* nothing is read until the answer is there */
  uint8_t *query; /* QUERY_SIZE */
};
#define QUERY_SIZE (2 + MAX_DNS_MESSAGE)

static struct name_client clients[LIMIT_NAME_CLIENTS];
static int client_count;

/* What goes to the daemon: one message, of which it may not have taken all. */
static uint8_t outgoing[8 + 8 + 4 + 4 + MAX_DNS_MESSAGE];
static size_t outgoing_at, outgoing_end;

/* Reads from the container only what the daemon takes. */
static void update(void)
{
  bool full = outgoing_at < outgoing_end, reading = server != NULL && !full;
  watch(&datagrams, reading ? EPOLLIN : 0);
  watch(&streams, reading ? EPOLLIN : 0);
  for (int i = 0; i < client_count; i++)
    watch(&clients[i].source, reading && !clients[i].asked ? EPOLLIN : WATCH_HANGUP);
  if (server != NULL)
    watch(&server->source, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void names_flush(void)
{
  if (server == NULL || outgoing_at == outgoing_end)
    return;
  ssize_t sent = send(server->source.fd, outgoing + outgoing_at, outgoing_end - outgoing_at, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0)
    outgoing_at += (size_t)sent;
  update(); /* a broken connection is reported as readable */
}

static void ask(uint64_t token, bool tcp, const uint8_t *data, size_t size)
{
  const struct reply_query query = { token, tcp, { (uint32_t)size, data } };
  struct writer w = { outgoing + 8, outgoing + sizeof outgoing, false };
  encode_reply_query(&w, &query);
  uint32_t header[2] = { (uint32_t)(w.at - outgoing) - 8, REPLY_QUERY };
  memcpy(outgoing, header, sizeof header);
  outgoing_at = 0;
  outgoing_end = (size_t)(w.at - outgoing);
  names_flush();
}

static void on_datagram(struct source *source, uint32_t events)
{
  static uint8_t query[MAX_DNS_MESSAGE];
  struct sockaddr_in from = { 0 };
  socklen_t size = sizeof from;
  (void)events;
  ssize_t got = recvfrom(source->fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
  if (got > 0)
    ask((uint64_t)from.sin_addr.s_addr << 16 | from.sin_port, false, query, (size_t)got);
}

/* ---- TCP -------------------------------------------------------------------------------------------------------------- */

static void stream_close(struct name_client *client)
{
  source_close(&client->source);
  pages_free(client->query, QUERY_SIZE);
  client->query = NULL;
  client->generation++;
}

static void on_client(struct source *source, uint32_t events)
{
  /* The largest answer fits: a client that has left one unread gets no second. */
  int buffer = 4 * QUERY_SIZE, i = 0;
  (void)events;
  int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  while (i < client_count && clients[i].source.fd >= 0)
    i++;
  uint8_t *query = i < LIMIT_NAME_CLIENTS ? pages_alloc(QUERY_SIZE) : NULL;
  if (query == NULL) {
    close(fd);
    return;
  }
  if (i == client_count)
    client_count++;
  struct name_client *client = &clients[i];
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  client->source = (struct source){ fd, 0, on_stream };
  client->query = query;
  client->have = 0;
  client->asked = false;
  client->deadline = monotonic_ms() + LIMIT_NAME_IDLE_MS;
  update();
}

static void on_stream(struct source *source, uint32_t events)
{
  struct name_client *client = (struct name_client *)source;
  (void)events;
  /* The length first, so that no byte of a query behind this one is taken. */
  size_t whole = client->have < 2 ? 2 : 2 + ((size_t)client->query[0] << 8 | client->query[1]);
  ssize_t got = client->asked ? 0 : recv(source->fd, client->query + client->have, whole - client->have, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    stream_close(client);
    return;
  }
  client->have += (size_t)got;
  if (client->have < 2)
    return;
  whole = 2 + ((size_t)client->query[0] << 8 | client->query[1]);
  if (whole == 2) {
    stream_close(client);
    return;
  }
  if (client->have < whole)
    return;
  client->asked = true;
  client->have = 0;
  client->deadline = UINT64_MAX; /* it is for the daemon to be in time */
  watch(&client->source, WATCH_HANGUP);
  ask((uint64_t)client->generation << 8 | (uint64_t)(client - clients), true, client->query + 2, whole - 2);
}

static void answer_stream(const struct request_answer *answer)
{
  size_t index = answer->token & 255;
  struct name_client *client = &clients[index];
  if (index >= (size_t)client_count || client->source.fd < 0 || !client->asked || client->generation != (uint32_t)(answer->token >> 8))
    return;
  uint8_t length[2] = { (uint8_t)(answer->data.size >> 8), (uint8_t)answer->data.size };
  struct iovec parts[2] = { { length, sizeof length }, { (uint8_t *)(uintptr_t)answer->data.data, answer->data.size } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  ssize_t size = (ssize_t)(sizeof length + answer->data.size);
  if (answer->data.size == 0 || sendmsg(client->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != size) {
    stream_close(client);
    return;
  }
  client->asked = false;
  client->deadline = monotonic_ms() + LIMIT_NAME_IDLE_MS;
  update();
}

/* ---- the daemon ------------------------------------------------------------------------------------------------------- */

void names_answer(const struct request_answer *answer)
{
  if (answer->data.size > MAX_DNS_MESSAGE)
    return;
  if (answer->tcp) {
    answer_stream(answer);
  } else if (answer->data.size > 0) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = (in_port_t)answer->token };
    to.sin_addr.s_addr = (in_addr_t)(answer->token >> 16);
    sendto(datagrams.fd, answer->data.data, answer->data.size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
  }
}

void names_serve(struct connection *connection)
{
  struct connection *before = server;
  server = connection;
  outgoing_at = outgoing_end = 0;
  if (before != NULL)
    connection_close(before);
  update();
}

void names_forsaken(const struct connection *by)
{
  if (server == by) {
    server = NULL;
    outgoing_at = outgoing_end = 0;
  }
  for (int i = 0; i < client_count; i++)
    if (clients[i].asked)
      stream_close(&clients[i]);
  update();
}

uint64_t names_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < client_count; i++) {
    if (clients[i].source.fd < 0)
      continue;
    if (clients[i].deadline <= now)
      stream_close(&clients[i]);
    else if (clients[i].deadline < next)
      next = clients[i].deadline;
  }
  return next;
}

void names_close(void)
{
  source_close(&datagrams);
  source_close(&streams);
  for (int i = 0; i < client_count; i++)
    stream_close(&clients[i]);
  close_fd(&table_owner);
}

/* ---- the operation ---------------------------------------------------------------------------------------------------- */

/* The new process has not come so far yet. An address that is bound before loopback is up is no source address of answers. */
static int loopback_up(void)
{
  struct ifreq request = { .ifr_name = "lo" };
  CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
    return -errno;
  request.ifr_flags |= IFF_UP;
  return result(ioctl(fd, SIOCSIFFLAGS, &request));
}

static int bind_socket(int type, const struct sockaddr_in *address)
{
  CLOSE int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
    return -errno;
  return take_fd(&fd);
}

/* Both at one port, of the kernel's choice; the port, or -errno. */
static int open_sockets(const struct bytes *at, int fds[2])
{
  int error = -EADDRINUSE;
  for (int attempt = 0; attempt < PORT_ATTEMPTS && error == -EADDRINUSE; attempt++) {
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    memcpy(&address.sin_addr, at->data, sizeof address.sin_addr);
    CLOSE int udp = bind_socket(SOCK_DGRAM, &address);
    if (udp < 0)
      return udp;
    if (getsockname(udp, (struct sockaddr *)&address, &size) < 0)
      return -errno;
    CLOSE int tcp = bind_socket(SOCK_STREAM, &address);
    error = tcp < 0 ? tcp : result(listen(tcp, LIMIT_NAME_CLIENTS));
    if (error == 0) {
      fds[0] = take_fd(&udp);
      fds[1] = take_fd(&tcp);
      return ntohs(address.sin_port);
    }
  }
  return error;
}

static int redirect(const struct op_name_service *op, int port)
{
  uint8_t bytes[2] = { (uint8_t)(port >> 8), (uint8_t)port };
  for (uint32_t i = 0; i < op->port_offsets.count; i++) {
    uint32_t at = u32_at(op->port_offsets.data, i);
    if (at > op->messages.size || op->messages.size - at < sizeof bytes)
      return -EBADMSG;
    memcpy((uint8_t *)(uintptr_t)op->messages.data + at, bytes, sizeof bytes);
  }
  CLOSE int fd = netlink_open(NETLINK_FAMILY_NETFILTER);
  int error = fd < 0 ? fd : netlink_exchange(fd, &op->messages);
  if (error == 0)
    table_owner = take_fd(&fd);
  return error;
}

static int open_service(struct runner *run, const struct op_name_service *op)
{
  int fds[2] = { -1, -1 };
  int error = loopback_up();
  if (error < 0)
    return about(run, "lo", error);
  int port = open_sockets(&op->address, fds);
  if (port < 0)
    return about(run, "name service", port);
  error = redirect(op, port);
  if (error < 0) {
    close(fds[0]);
    close(fds[1]);
    return about(run, "packet filter of the name service", error);
  }
  datagrams.fd = fds[0];
  streams.fd = fds[1];
  update();
  return 0;
}

/* Into the network namespace of the new process and back. */
static int open_service_of_child(struct runner *run, const struct op_name_service *op)
{
  struct text path = TEXT(run->object_text);
  text_add(&path, "/proc/");
  text_number(&path, (uint64_t)run->child, 1);
  text_add(&path, "/ns/net");
  CLOSE int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  CLOSE int theirs = own < 0 ? -1 : open(run->object_text, O_RDONLY | O_CLOEXEC);
  if (theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
    return about(run, run->object_text, -errno);
  int error = open_service(run, op);
  if (setns(own, CLONE_NEWNET) < 0)
    _exit(1); /* in the wrong place it would do harm */
  return error;
}

int do_name_service(struct runner *run, const struct op_name_service *op)
{
  if ((run->section != SECTION_PREPARE && run->section != SECTION_HOST) || op->address.size != sizeof(struct in_addr))
    return -EINVAL;
  if (datagrams.fd >= 0)
    return 0;
  return run->section == SECTION_HOST ? open_service_of_child(run, op) : open_service(run, op);
}
