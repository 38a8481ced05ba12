/* A published port that the shim holds, and what has it relayed. */
#pragma once
#include "shim.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>

union address {
  struct sockaddr_in v4; /* its first field is the family of both */
  struct sockaddr_in6 v6;
};

struct port {
  struct source source;
  uint32_t protocol; /* IPPROTO_* */
  bool is_datagram;
  union address address;
  socklen_t address_size;
  union address target; /* where to relay */
  socklen_t target_size; /* 0: not relayed */
};

/* The life of a relay, forked off by `parent`: serves those of the ports that are to be relayed, and ends when nobody has used it for a while. */
_Noreturn void port_relay(struct port *ports, int count, pid_t parent);
