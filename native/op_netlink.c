/* Netlink: messages that TypeScript has encoded go to the kernel, and its answers are read. */
#include "names.h"
#include "plan.h"
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

uint32_t netlink_refused;

/* netlink(7): messages are 4-byte aligned, each with this header. */
struct netlink_header {
  uint32_t length;
  uint16_t type, flags;
  uint32_t sequence, port;
};
enum { NETLINK_ERROR = 2, NETLINK_FLAG_ACK = 4 };

/* Indexes are the kernel's choice: known here alone, where and when the interface exists. */
static int patch_links(struct runner *run, const struct op_netlink *op, int fd)
{
  if (op->links.count != op->link_offsets.count)
    return about(run, "netlink message", -EBADMSG);
  FOR_EACH_STRING(name, op->links) {
    struct ifreq request = { 0 };
    uint32_t at;
    if (strlen(name) >= sizeof request.ifr_name)
      return about(run, name, -ENODEV);
    memcpy(request.ifr_name, name, strlen(name) + 1);
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
      return about(run, name, -errno);
    memcpy(&at, op->link_offsets.data + name_index * sizeof at, sizeof at);
    if (at > op->messages.size || op->messages.size - at < sizeof request.ifr_ifindex)
      return about(run, "netlink message", -EBADMSG);
    memcpy((uint8_t *)(uintptr_t)op->messages.data + at, &request.ifr_ifindex, sizeof request.ifr_ifindex);
  }
  return 0;
}

static int patch_pid(struct runner *run, const struct op_netlink *op)
{
  uint32_t pid = (uint32_t)run->child;
  if (op->pid_offset == 0)
    return 0;
  if (run->section != SECTION_HOST || op->pid_offset > op->messages.size || op->messages.size - op->pid_offset < sizeof pid)
    return about(run, "netlink message", -EBADMSG);
  memcpy((uint8_t *)(uintptr_t)op->messages.data + op->pid_offset, &pid, sizeof pid);
  return 0;
}

/* How many messages ask to be acknowledged; -EBADMSG when they are not whole. */
static int count_messages(const struct bytes *messages)
{
  struct reader r = { messages->data, messages->data + messages->size };
  int count = 0;
  while (reader_left(&r) > 0) {
    struct netlink_header header;
    const uint8_t *message = r.at;
    if (!take_raw(&r, &header, sizeof header) || header.length < sizeof header || reader_left(&r) < header.length - sizeof header)
      return -EBADMSG;
    size_t padded = (header.length + 3u) & ~3u;
    r.at = padded < (size_t)(r.end - message) ? message + padded : r.end;
    count += (header.flags & NETLINK_FLAG_ACK) != 0;
  }
  return count;
}

/* Reads answers until `count` acknowledgements are there; the first error. Several may stand in one datagram. */
static int read_acknowledgements(int fd, int count)
{
  static uint8_t answers[16384];
  int refused = 0;
  while (count > 0 && refused == 0) {
    ssize_t size = recv(fd, answers, sizeof answers, 0);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return -errno;
    struct netlink_header header;
    for (size_t at = 0; at + sizeof header <= (size_t)size;) {
      memcpy(&header, answers + at, sizeof header);
      if (header.length < sizeof header || header.length > (size_t)size - at)
        break;
      if (header.type == NETLINK_ERROR && header.length >= sizeof header + sizeof(int32_t)) {
        int32_t error;
        memcpy(&error, answers + at + sizeof header, sizeof error);
        count--;
        if (refused == 0)
          refused = error;
      }
      at += (header.length + 3u) & ~3u;
    }
  }
  return refused;
}

int netlink_open(uint32_t family)
{
  CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)family);
  if (fd < 0)
    return -errno;
  /* The kernel has answered when send returns; a lost answer must not hold a launch up for ever. */
  struct timeval patience = { .tv_sec = 10 };
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return take_fd(&fd);
}

int netlink_exchange(int fd, const struct bytes *messages)
{
  int count = count_messages(messages);
  if (count < 0)
    return count;
  /* A transaction is one datagram, and a thousand ports are more than a socket takes by itself. */
  int room = 2 * (int)messages->size;
  if (room > 1 << 16)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  return send(fd, messages->data, messages->size, 0) < 0 ? -errno : read_acknowledgements(fd, count);
}

int do_netlink(struct runner *run, const struct op_netlink *op)
{
  CLOSE int fd = netlink_open(op->family);
  if (fd < 0)
    return fd;
  int error = patch_links(run, op, fd);
  if (error == 0)
    error = patch_pid(run, op);
  if (error == 0)
    error = netlink_exchange(fd, &op->messages);
  if (op->optional) {
    netlink_refused += error < 0 && op->family == NETLINK_NETFILTER;
    return 0;
  }
  return error < 0 && run->object[0] == 0 ? about(run, "netlink", error) : error;
}

int do_netlink_inside(struct runner *run, const struct op_netlink_inside *op)
{
  struct op_netlink inside = { .messages = op->messages, .links = op->links, .link_offsets = op->link_offsets, .optional = 1 };
  if (run->section != SECTION_RELEASE)
    return -EINVAL;
  CLOSE int own = names_namespace() < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0 || !names_enter(names_namespace()))
    return 0;
  do_netlink(run, &inside);
  names_return(own);
  return 0;
}
