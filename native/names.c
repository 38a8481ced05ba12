/* The name service's sockets, in the container's network namespace and as old as the shim, and how queries over UDP are answered. */
#include "names.h"
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define NETLINK_FAMILY_NETFILTER 12
#define PORT_ATTEMPTS 16

static void on_datagrams(struct source *source, uint32_t events);

static struct source datagrams = { -1, 0, on_datagrams };
static int table_owner = -1; /* the netlink socket that the packet filter's table belongs to */
static int namespace_fd = -1;

void random_bytes(void *out, size_t size)
{
  syscall(SYS_getrandom, out, size, 0); /* as few bytes as we take never come short (getrandom(2)) */
}

int names_namespace(void)
{
  return namespace_fd;
}

bool names_enter(int fd)
{
  return setns(fd, CLONE_NEWNET) == 0;
}

void names_return(int own)
{
  if (setns(own, CLONE_NEWNET) < 0)
    _exit(1);
}

void names_reply(const struct sockaddr_in *client, const uint8_t *answer, size_t size)
{
  sendto(datagrams.fd, answer, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)client, sizeof *client);
}

static void serve(const uint8_t *data, size_t size, const struct sockaddr_in *client)
{
  static uint8_t answer[MAX_DNS_MESSAGE];
  struct name_query query;
  unsigned wrong = RESULT_OK;
  enum query_state state = name_query_read(&query, data, size, &wrong);
  if (state == QUERY_IGNORED)
    return;
  size_t answered = state == QUERY_READ ? name_answer(&query, answer, query.udp_size) : name_result(&query, answer, wrong);
  if (answered == 0 && names_keeps(&query))
    answered = name_result(&query, answer, RESULT_OK);
  if (answered == 0)
    names_forward(&query, client);
  else
    names_reply(client, answer, answered);
}

static void on_datagrams(struct source *source, uint32_t events)
{
  static uint8_t query[MAX_DNS_MESSAGE];
  (void)events;
  for (int i = 0; i < QUERIES_AT_ONCE; i++) {
    struct sockaddr_in client = { 0 };
    socklen_t size = sizeof client;
    ssize_t got = recvfrom(source->fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&client, &size);
    if (got < 0)
      return;
    serve(query, (size_t)got, &client);
  }
}

uint64_t names_timers(uint64_t now)
{
  uint64_t stream = names_stream_timers(now), forward = names_forward_timers(now), led = names_led_timers(now);
  uint64_t soonest = stream < forward ? stream : forward;
  return soonest < led ? soonest : led;
}

void names_close(void)
{
  source_close(&datagrams);
  names_stream_close();
  names_forward_close();
  names_led_close();
  close_fd(&table_owner);
  close_fd(&namespace_fd);
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
  if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
    return -errno;
  return take_fd(&fd);
}

/* The service's own, UDP and TCP at one port, and one for each server that queries are led away from. */
enum { OWN_UDP, OWN_TCP, FIRST_LED };
struct sockets {
  int fds[FIRST_LED + MAX_SERVERS];
  uint16_t ports[FIRST_LED + MAX_SERVERS];
  uint32_t count;
};

/* At a port of the kernel's choice; *address has it then. */
static int open_datagrams(const struct bytes *at, struct sockaddr_in *address)
{
  socklen_t size = sizeof *address;
  *address = (struct sockaddr_in){ .sin_family = AF_INET };
  memcpy(&address->sin_addr, at->data, sizeof address->sin_addr);
  CLOSE int fd = bind_socket(SOCK_DGRAM, address);
  if (fd >= 0 && getsockname(fd, (struct sockaddr *)address, &size) < 0)
    return -errno;
  return take_fd(&fd);
}

static int open_own(const struct bytes *at, struct sockets *sockets)
{
  int error = -EADDRINUSE;
  for (int attempt = 0; attempt < PORT_ATTEMPTS && error == -EADDRINUSE; attempt++) {
    struct sockaddr_in address;
    CLOSE int udp = open_datagrams(at, &address);
    if (udp < 0)
      return udp;
    CLOSE int tcp = bind_socket(SOCK_STREAM, &address);
    error = tcp < 0 ? tcp : result(listen(tcp, LIMIT_NAME_CLIENTS));
    if (error == 0) {
      sockets->fds[OWN_UDP] = take_fd(&udp);
      sockets->fds[OWN_TCP] = take_fd(&tcp);
      sockets->ports[OWN_UDP] = sockets->ports[OWN_TCP] = ntohs(address.sin_port);
      sockets->count = FIRST_LED;
    }
  }
  return error;
}

/* What is open is in *sockets, whether or not the rest could be opened. */
static int open_sockets(const struct op_name_service *op, struct sockets *sockets)
{
  int error = open_own(&op->address, sockets);
  uint32_t led = error == 0 && (op->flags & NAMES_LAST) != 0 ? names_keep_servers() : 0;
  while (error == 0 && sockets->count < FIRST_LED + led) {
    struct sockaddr_in address;
    int fd = open_datagrams(&op->address, &address);
    if (fd < 0)
      return fd;
    sockets->fds[sockets->count] = fd;
    sockets->ports[sockets->count++] = ntohs(address.sin_port);
  }
  return error;
}

static int redirect(const struct op_name_service *op, const struct sockets *sockets)
{
  if (op->messages.size == 0)
    return 0;
  if (op->port_offsets.count != sockets->count)
    return -EBADMSG;
  for (uint32_t i = 0; i < sockets->count; i++) {
    uint32_t at = u32_at(op->port_offsets.data, i);
    if (at > op->messages.size || op->messages.size - at < 2)
      return -EBADMSG;
    put_be16((uint8_t *)(uintptr_t)op->messages.data + at, sockets->ports[i]);
  }
  CLOSE int fd = netlink_open(NETLINK_FAMILY_NETFILTER);
  int error = fd < 0 ? fd : netlink_exchange(fd, &op->messages);
  if (error == 0)
    table_owner = take_fd(&fd);
  return error;
}

/* `fd`: the namespace that this is in. */
static int open_service(struct runner *run, const struct op_name_service *op, int *fd)
{
  struct sockets sockets = { .count = 0 };
  int error = loopback_up();
  if (error < 0)
    return about(run, "lo", error);
  error = open_sockets(op, &sockets);
  const char *what = error < 0 ? "name service" : "packet filter of the name service";
  if (error == 0)
    error = redirect(op, &sockets);
  if (error < 0) {
    while (sockets.count > 0)
      close(sockets.fds[--sockets.count]);
    return about(run, what, error);
  }
  namespace_fd = take_fd(fd);
  datagrams.fd = sockets.fds[OWN_UDP];
  watch(&datagrams, EPOLLIN);
  names_stream_open(sockets.fds[OWN_TCP]);
  names_led_open(sockets.fds + FIRST_LED, sockets.count - FIRST_LED);
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
  if (theirs < 0 || !names_enter(theirs))
    return about(run, run->object_text, -errno);
  int error = open_service(run, op, &theirs);
  names_return(own);
  return error;
}

static int open_service_here(struct runner *run, const struct op_name_service *op)
{
  CLOSE int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  return here < 0 ? about(run, "network namespace", -errno) : open_service(run, op, &here);
}

int do_name_service(struct runner *run, const struct op_name_service *op)
{
  if ((run->section != SECTION_PREPARE && run->section != SECTION_HOST) || op->address.size != sizeof(struct in_addr))
    return -EINVAL;
  int error = names_configure(op);
  if (error < 0)
    return about(run, "name service", error);
  if (datagrams.fd >= 0)
    return 0;
  return run->section == SECTION_HOST ? open_service_of_child(run, op) : open_service_here(run, op);
}
