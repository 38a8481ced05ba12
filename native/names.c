/* The name service's sockets, in the container's network namespace and as old as the shim, and how queries over UDP are answered. */
#include "names.h"
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define NETLINK_FAMILY_NETFILTER 12
#define PORT_ATTEMPTS 16
/* A flood of queries waits after this many, so that output and signals have their turn. */
#define AT_ONCE 64

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
  for (int i = 0; i < AT_ONCE; i++) {
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
  uint64_t stream = names_stream_timers(now), forward = names_forward_timers(now);
  return stream < forward ? stream : forward;
}

void names_close(void)
{
  source_close(&datagrams);
  names_stream_close();
  names_forward_close();
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
  if (op->messages.size == 0)
    return 0;
  for (uint32_t i = 0; i < op->port_offsets.count; i++) {
    uint32_t at = u32_at(op->port_offsets.data, i);
    if (at > op->messages.size || op->messages.size - at < 2)
      return -EBADMSG;
    put_be16((uint8_t *)(uintptr_t)op->messages.data + at, (size_t)port);
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
  namespace_fd = take_fd(fd);
  datagrams.fd = fds[0];
  watch(&datagrams, EPOLLIN);
  names_stream_open(fds[1]);
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
