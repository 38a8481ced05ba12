/*
 * The container's name service: a resolver in the shim. It answers for the names of the container's networks from tables that a daemon
 * has written (names_table.c), and passes everything else on to name servers outside (names_forward.c, names_stream.c). No daemon is asked.
 * On the default network it is the other way round: the servers outside are asked first (names_led.c).
 */
#pragma once
#include "shim.h"
#include <netinet/in.h>

#define MAX_DNS_MESSAGE 65535
#define DNS_HEADER_SIZE 12
#define MAX_NAME_TEXT 253 /* of the 255 bytes that a name has in a message (RFC 1035, 3.1) */
#define DNS_TIMEOUT_MS 4000 /* Docker's, for each server */
#define MAX_SERVERS 3
#define MAX_FORWARDED 2048 /* bytes of a query over UDP; larger ones than a name and a few options have no use */

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_MX = 15, TYPE_AAAA = 28, TYPE_OPT = 41 };
enum { RESULT_OK = 0, RESULT_MALFORMED = 1, RESULT_FAILURE = 2, RESULT_UNKNOWN = 3, RESULT_NOT_IMPLEMENTED = 4, RESULT_REFUSED = 5 };

static inline uint16_t be16_at(const uint8_t *at)
{
  return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put_be16(uint8_t *at, size_t value)
{
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

/* A query, read in place. */
struct name_query {
  const uint8_t *data;
  size_t size;
  size_t question_end; /* 0 when its one question cannot be read */
  uint16_t type;
  uint16_t udp_size; /* bytes of an answer that the client takes over UDP */
  bool has_dot;
  uint8_t name_length; /* 0 for one that no container can have */
  uint8_t name[MAX_NAME_TEXT]; /* lower case, dots between the labels */
};

/* names_message.c */
enum query_state { QUERY_IGNORED, QUERY_ANSWERED, QUERY_READ };
/*
 * Reads a message. QUERY_IGNORED: nobody waits for an answer. QUERY_ANSWERED: there is something wrong with it, and *result says what;
 * name_result() makes the answer.
 */
enum query_state name_query_read(struct name_query *query, const uint8_t *data, size_t size, unsigned *result);
/* An answer without records; its size, at most that of the query. */
size_t name_result(const struct name_query *query, uint8_t *out, unsigned result);
/* An answer from the tables, of at most `room` bytes, which are 512 or more; 0 when they do not know the name. */
size_t name_answer(const struct name_query *query, uint8_t *out, size_t room);
/* The message answers that query, under the id that it was sent with. */
bool name_answers(const struct name_query *query, uint16_t id, const uint8_t *data, size_t size);

/* names_table.c */
/* Takes over what the operation says of names; what it said before is forgotten. */
int names_configure(const struct op_name_service *op);
/*
 * The records of a type that a name has in the container's networks; empty for a name that has only others. False when nobody
 * has it. Valid until the next call.
 */
bool names_find(uint16_t type, const uint8_t *name, size_t length, struct bytes *records);

/* Of a name below one of the container's search domains leaves what is before that, if somebody has it. */
bool names_strip_search(struct name_query *query);

/* names_forward.c */
/* `flags`: NAMES_* */
int names_set_servers(const struct bytes *servers, uint32_t flags);
/* Whether the query is to be kept from the servers outside: Docker's rule for a user who has set ndots. */
bool names_keeps(const struct name_query *query);
/* The tables come after the servers: for queries that are led here. */
bool names_come_last(void);
/* Queries to the servers that are set now are led here from now on; how many there are. */
uint32_t names_keep_servers(void);
/* A socket to a server, connected or about to be; -EDESTADDRREQ when there is no such server, else -errno. Of those kept, NAMES_LED is the first. */
#define NAMES_LED MAX_SERVERS
int names_connect(uint32_t server, int type);
/* Asks them for a client, and answers it then. */
void names_forward(const struct name_query *query, const struct sockaddr_in *client);
uint64_t names_forward_timers(uint64_t now);
void names_forward_close(void);

/* names_led.c */
/* Serves queries to the servers that are kept, each at the socket of its number. */
void names_led_open(const int *fds, uint32_t count);
uint64_t names_led_timers(uint64_t now);
void names_led_close(void);

/* names_stream.c */
/* Serves TCP at a listening socket. */
void names_stream_open(int fd);
uint64_t names_stream_timers(uint64_t now);
void names_stream_close(void);

/* names.c */
/* The network namespace of the container. */
int names_namespace(void);
void names_reply(const struct sockaddr_in *client, const uint8_t *answer, size_t size);
/* A flood of queries waits after this many, so that output and signals have their turn. */
#define QUERIES_AT_ONCE 64
/* Into the network namespace `fd`. In the wrong one the shim would do harm: it ends when there is no way back. */
bool names_enter(int fd);
void names_return(int own);
/* Random bytes of the kernel's. */
void random_bytes(void *out, size_t size);
