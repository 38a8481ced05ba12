/*
 * Ports of the host that lead to the container. The packet filter does that; a socket of ours keeps others from taking the port, and
 * has what the filter cannot translate relayed.
 */
#include "port.h"
#include "sys.h"
#include <linux/filter.h>

/* As many as anybody publishes; descriptors run out before. */
#define PORTS 16384
static struct port ports[PORTS];
static int port_count;

static void on_first(struct source *source, uint32_t events);

/* The size of an address of 4 or 16 bytes; 0 when it is none. */
static socklen_t address_of(union address *address, const struct bytes *bytes, uint32_t number)
{
  memset(address, 0, sizeof *address);
  if (number == 0 || number > UINT16_MAX)
    return 0;
  if (bytes->size == sizeof address->v4.sin_addr) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = __builtin_bswap16((uint16_t)number);
    memcpy(&address->v4.sin_addr, bytes->data, bytes->size);
    return sizeof address->v4;
  }
  if (bytes->size != sizeof address->v6.sin6_addr)
    return 0;
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = __builtin_bswap16((uint16_t)number);
  memcpy(&address->v6.sin6_addr, bytes->data, bytes->size);
  return sizeof address->v6;
}

static int bind_to(const struct port *port)
{
  return syscall(SYS_bind, port->source.fd, &port->address, port->address_size) < 0 ? -errno : 0;
}

static void set_option(int fd, int level, int name, int value)
{
  setsockopt(fd, level, name, &value, sizeof value);
}

/*
 * Whoever had the port before may have left connections behind that the kernel remembers for a minute; they do not stand in the way
 * of one who reuses the address, nor of its listen(2). Where nobody listens it is taken back: others' listen(2) fails.
 */
static int bind_stream(const struct port *port)
{
  int error = bind_to(port);
  if (error != -EADDRINUSE)
    return error;
  set_option(port->source.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  return bind_to(port);
}

/* What is sent to the port while the packet filter does not lead it away is dropped, and not kept for nobody to read. */
static void refuse_all(int fd)
{
  struct sock_filter nothing = { BPF_RET | BPF_K, 0, 0, 0 };
  struct sock_fprog program = { 1, &nothing };
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* From here on the kernel keeps what comes, until somebody relays it. */
static int begin_relaying(struct port *port)
{
  fcntl(port->source.fd, F_SETFL, O_NONBLOCK);
  /* The answer comes from where the question went to. */
  if (port->is_datagram && port->address.v4.sin_family == AF_INET)
    set_option(port->source.fd, IPPROTO_IP, IP_PKTINFO, 1);
  else if (port->is_datagram)
    set_option(port->source.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  else {
    /* Connections inherit it, and are in nobody's way when they have been closed. While it listens, nobody else can bind. */
    set_option(port->source.fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (syscall(SYS_listen, port->source.fd, 128) < 0)
      return -errno;
  }
  watch(&port->source, EPOLLIN);
  return 0;
}

static int open_port(struct runner *run, struct port *port, int protocol)
{
  int type = port->is_datagram ? SOCK_DGRAM : SOCK_STREAM;
  port->source.fd = socket(port->address.v4.sin_family, type | SOCK_CLOEXEC, protocol);
  /* Nobody can take a port of a protocol that the kernel does not have. */
  if (port->source.fd < 0)
    return errno == EPROTONOSUPPORT && protocol == IPPROTO_SCTP ? 0 : about(run, "socket", -errno);
  if (port->address.v4.sin_family == AF_INET6)
    set_option(port->source.fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  int error = port->is_datagram ? bind_to(port) : bind_stream(port);
  if (error == 0 && port->target_size > 0)
    error = begin_relaying(port);
  else if (error == 0 && port->is_datagram)
    refuse_all(port->source.fd);
  else if (error == 0)
    set_option(port->source.fd, SOL_SOCKET, SO_REUSEADDR, 0);
  if (error < 0)
    source_close(&port->source);
  return about(run, "port", error);
}

int do_bind_port(struct runner *run, const struct op_bind_port *op)
{
  struct port *port = &ports[port_count];
  if (port_count == PORTS)
    return -EMFILE;
  *port = (struct port){ .source = { -1, 0, on_first }, .protocol = op->protocol, .is_datagram = op->protocol == IPPROTO_UDP };
  port->address_size = address_of(&port->address, &op->address, op->port);
  port->target_size = op->relay_address.size == 0 ? 0 : address_of(&port->target, &op->relay_address, op->relay_port);
  if (run->section != SECTION_PREPARE || port->address_size == 0)
    return -EINVAL;
  if (op->relay_address.size != 0 && (port->target_size == 0 || op->protocol == IPPROTO_SCTP))
    return -EINVAL;
  int error = open_port(run, port, (int)op->protocol);
  if (error == 0 && port->source.fd >= 0)
    port_count++;
  return error;
}

/* ---- the relay: a process of its own while somebody uses it ---------------------------------------------------------- */

static void on_relay_end(struct source *source, uint32_t events);
static struct source relay = { -1, 0, on_relay_end };
static uint64_t relay_again; /* when ports are looked at again after a relay that failed; 0: they are */

static void watch_ports(uint32_t events)
{
  for (int i = 0; i < port_count; i++)
    if (ports[i].target_size > 0)
      watch(&ports[i].source, events);
}

/* Reaps it; true when it has ended as it should, for want of work. */
static bool relay_reap(void)
{
  siginfo_t info = { 0 };
  while (waitid(P_PIDFD, (id_t)relay.fd, &info, WEXITED) < 0 && errno == EINTR)
    continue;
  source_close(&relay);
  return info.si_code == CLD_EXITED && info.si_status == 0;
}

static void on_relay_end(struct source *source, uint32_t events)
{
  (void)source, (void)events;
  if (relay_reap())
    watch_ports(EPOLLIN);
  else
    relay_again = monotonic_ms() + 1000;
}

uint64_t port_timers(uint64_t now)
{
  if (relay_again == 0)
    return UINT64_MAX;
  if (relay_again > now)
    return relay_again;
  relay_again = 0;
  watch_ports(EPOLLIN);
  return UINT64_MAX;
}

static void relay_end(void)
{
  if (relay.fd < 0)
    return;
  sys_pidfd_send_signal(relay.fd, SIGKILL);
  relay_reap();
}

/* Somebody uses a port that has to be relayed: from now on that is another process's work, until there is nothing to do for a while. */
static void on_first(struct source *source, uint32_t events)
{
  (void)source, (void)events;
  int pidfd = -1;
  pid_t parent = getpid();
  struct clone_arguments arguments = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD };
  watch_ports(0);
  pid_t pid = (pid_t)syscall(SYS_NUMBER_clone3, &arguments, sizeof arguments);
  if (pid == 0)
    port_relay(ports, port_count, parent);
  if (pid < 0) {
    relay_again = monotonic_ms() + 1000;
    return;
  }
  relay.fd = pidfd;
  watch(&relay, EPOLLIN);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

int do_release_port(struct runner *run, const struct op_release_port *op)
{
  union address address;
  socklen_t size = address_of(&address, &op->address, op->port);
  if (run->section != SECTION_PREPARE || size == 0)
    return -EINVAL;
  for (int i = 0; i < port_count; i++) {
    if (ports[i].protocol != op->protocol || ports[i].address_size != size || memcmp(&ports[i].address, &address, size) != 0)
      continue;
    if (ports[i].target_size > 0)
      relay_end(); /* it has the port open, too; what it relays for others is cut off with it */
    watch_ports(0); /* one of them changes its place */
    source_close(&ports[i].source);
    ports[i] = ports[--port_count];
    if (relay.fd < 0 && relay_again == 0)
      watch_ports(EPOLLIN);
    break;
  }
  return 0;
}

void ports_close(void)
{
  relay_end();
  relay_again = 0;
  while (port_count > 0)
    source_close(&ports[--port_count].source);
}
