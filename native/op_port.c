/* Ports of the host that lead to the container. The packet filter does that; a socket of ours keeps others from taking the port. */
#include "plan.h"
#include "sys.h"
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* As many as anybody publishes; descriptors run out before. */
#define PORTS 16384
static int ports[PORTS];
static int port_count;

void ports_close(void)
{
  while (port_count > 0)
    close(ports[--port_count]);
}

union address {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* Its size; 0 when it is none. */
static socklen_t address_of(union address *address, const struct op_bind_port *op)
{
  memset(address, 0, sizeof *address);
  if (op->address.size == sizeof address->v4.sin_addr) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = __builtin_bswap16((uint16_t)op->port);
    memcpy(&address->v4.sin_addr, op->address.data, op->address.size);
    return sizeof address->v4;
  }
  if (op->address.size != sizeof address->v6.sin6_addr)
    return 0;
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = __builtin_bswap16((uint16_t)op->port);
  memcpy(&address->v6.sin6_addr, op->address.data, op->address.size);
  return sizeof address->v6;
}

static int bind_to(int fd, const union address *address, socklen_t size)
{
  return syscall(SYS_bind, fd, address, size) < 0 ? -errno : 0;
}

static void set_reuse(int fd, int on)
{
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/*
 * Whoever had the port before may have left connections behind that the kernel remembers for a minute; they do not stand in the way
 * of one who reuses the address. Afterwards it is not for others to reuse: their listen(2) fails.
 */
static int bind_stream(int fd, const union address *address, socklen_t size)
{
  int error = bind_to(fd, address, size);
  if (error != -EADDRINUSE)
    return error;
  set_reuse(fd, 1);
  error = bind_to(fd, address, size);
  set_reuse(fd, 0);
  return error;
}

/* What is sent to the port while the packet filter does not lead it away is dropped, and not kept for nobody to read. */
static void refuse_all(int fd)
{
  struct sock_filter nothing = { BPF_RET | BPF_K, 0, 0, 0 };
  struct sock_fprog program = { 1, &nothing };
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int do_bind_port(struct runner *run, const struct op_bind_port *op)
{
  union address address;
  socklen_t size = address_of(&address, op);
  if (run->section != SECTION_PREPARE || size == 0 || op->port == 0 || op->port > UINT16_MAX)
    return -EINVAL;
  if (port_count == PORTS)
    return -EMFILE;
  bool is_datagram = op->protocol == IPPROTO_UDP;
  int family = size == sizeof address.v4 ? AF_INET : AF_INET6;
  CLOSE int fd = socket(family, (is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, (int)op->protocol);
  /* Nobody can take a port of a protocol that the kernel does not have. */
  if (fd < 0)
    return errno == EPROTONOSUPPORT && op->protocol == IPPROTO_SCTP ? 0 : about(run, "socket", -errno);
  int only = 1;
  if (family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  int error = is_datagram ? bind_to(fd, &address, size) : bind_stream(fd, &address, size);
  if (error < 0)
    return about(run, "port", error);
  if (is_datagram)
    refuse_all(fd);
  ports[port_count++] = take_fd(&fd);
  return 0;
}
