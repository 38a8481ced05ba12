/*
 * The name service over TCP: a length in two bytes, big-endian, before each message. One query of a client at a time: what it sends
 * meanwhile waits in the kernel.
 */
#include "names.h"
#include <sys/socket.h>
#include <sys/uio.h>

#define FRAME_SIZE (2 + MAX_DNS_MESSAGE)

/* One message with its length, coming or going. */
struct frame {
  uint8_t *data; /* FRAME_SIZE, only while there is one */
  size_t at; /* bytes that have come, or gone */
};

struct upstream {
  struct source source;
  struct name_client *client;
  bool sent;
  struct frame answer;
};

struct name_client {
  struct source source;
  uint64_t deadline;
  struct frame query;
  uint8_t id[2]; /* the client's: the query has another for the server */
  uint32_t server;
  struct upstream upstream; /* while a server is asked */
};

static void on_client(struct source *source, uint32_t events);
static void on_query(struct source *source, uint32_t events);
static void on_server(struct source *source, uint32_t events);

static struct source listener = { -1, 0, on_client };
static struct name_client clients[LIMIT_NAME_CLIENTS];
static int client_count;

static size_t frame_size(const struct frame *frame)
{
  return 2 + (size_t)be16_at(frame->data);
}

static void frame_free(struct frame *frame)
{
  pages_free(frame->data, FRAME_SIZE);
  *frame = (struct frame){ 0 };
}

/* No byte of a message behind this one is taken. True when it is whole; *gone when it never will be. */
static bool frame_receive(struct frame *frame, int fd, bool *gone)
{
  for (;;) {
    size_t whole = frame->at < 2 ? 2 : frame_size(frame);
    if (frame->at == whole)
      return true;
    ssize_t got = recv(fd, frame->data + frame->at, whole - frame->at, MSG_DONTWAIT);
    *gone = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (got <= 0)
      return false;
    frame->at += (size_t)got;
    if (frame->at == 2 && frame_size(frame) == 2) {
      *gone = true;
      return false;
    }
  }
}

static void upstream_close(struct name_client *client)
{
  source_close(&client->upstream.source);
  frame_free(&client->upstream.answer);
}

static void client_close(struct name_client *client)
{
  upstream_close(client);
  source_close(&client->source);
  frame_free(&client->query);
}

/* Its socket has room for the largest answer: a client that has left one unread gets no second. */
static void answer_client(struct name_client *client, const uint8_t *answer, size_t size)
{
  uint8_t length[2];
  put_be16(length, size);
  struct iovec parts[2] = { { length, sizeof length }, { (uint8_t *)(uintptr_t)answer, size } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  bool taken = sendmsg(client->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof length + size);
  upstream_close(client);
  if (!taken) {
    client_close(client);
    return;
  }
  client->query.at = 0;
  client->deadline = monotonic_ms() + LIMIT_NAME_IDLE_MS;
  watch(&client->source, EPOLLIN);
}

static void read_query(const struct name_client *client, struct name_query *query, uint8_t id[2])
{
  unsigned wrong;
  memcpy(client->query.data + 2, id, 2);
  name_query_read(query, client->query.data + 2, client->query.at - 2, &wrong);
}

/* Asks the server that the client is at, or the first behind it that can be asked. */
static void ask(struct name_client *client)
{
  int fd;
  while ((fd = names_connect(client->server, SOCK_STREAM)) != -EDESTADDRREQ) {
    uint8_t *room = fd < 0 ? NULL : pages_alloc(FRAME_SIZE);
    if (room != NULL) {
      client->upstream = (struct upstream){ { fd, 0, on_server }, client, false, { room, 0 } };
      client->deadline = monotonic_ms() + DNS_TIMEOUT_MS;
      random_bytes(client->query.data + 2, 2);
      watch(&client->upstream.source, EPOLLOUT);
      return;
    }
    close_fd(&fd);
    client->server++;
  }
  struct name_query query;
  static uint8_t failure[DNS_HEADER_SIZE + 2 + MAX_NAME_TEXT + 4];
  read_query(client, &query, client->id);
  answer_client(client, failure, name_result(&query, failure, RESULT_FAILURE));
}

static void ask_next(struct name_client *client)
{
  upstream_close(client);
  client->server++;
  ask(client);
}

static void on_server(struct source *source, uint32_t events)
{
  struct upstream *upstream = (struct upstream *)source;
  struct name_client *client = upstream->client;
  struct frame *answer = &upstream->answer;
  (void)events;
  if (!upstream->sent) {
    /* A query fits into a new connection's buffer; a connection that was refused says so here. */
    upstream->sent = send(source->fd, client->query.data, client->query.at, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)client->query.at;
    if (upstream->sent)
      watch(source, EPOLLIN);
    else
      ask_next(client);
    return;
  }
  bool gone = false;
  if (!frame_receive(answer, source->fd, &gone)) {
    if (gone)
      ask_next(client);
    return;
  }
  struct name_query query;
  uint8_t id[2] = { client->query.data[2], client->query.data[3] };
  read_query(client, &query, id);
  unsigned code = answer->at > 5 ? answer->data[5] & 0x0f : RESULT_FAILURE;
  if (!name_answers(&query, be16_at(id), answer->data + 2, answer->at - 2) || code == RESULT_FAILURE || code == RESULT_REFUSED) {
    ask_next(client);
    return;
  }
  memcpy(answer->data + 2, client->id, sizeof client->id);
  answer_client(client, answer->data + 2, answer->at - 2);
}

static void on_query(struct source *source, uint32_t events)
{
  static uint8_t answer[MAX_DNS_MESSAGE];
  struct name_client *client = (struct name_client *)source;
  struct name_query query;
  bool gone = false;
  unsigned wrong = RESULT_OK;
  (void)events;
  if (client->upstream.source.fd >= 0) {
    client_close(client); /* it has gone before its answer came: nothing else is watched for */
    return;
  }
  if (!frame_receive(&client->query, source->fd, &gone)) {
    if (gone)
      client_close(client);
    return;
  }
  enum query_state state = name_query_read(&query, client->query.data + 2, client->query.at - 2, &wrong);
  if (state == QUERY_IGNORED) {
    client_close(client);
    return;
  }
  size_t size = state == QUERY_READ ? name_answer(&query, answer, sizeof answer) : name_result(&query, answer, wrong);
  if (size == 0 && names_keeps(&query))
    size = name_result(&query, answer, RESULT_OK);
  if (size > 0) {
    answer_client(client, answer, size);
    return;
  }
  memcpy(client->id, query.data, sizeof client->id);
  client->server = 0;
  watch(source, WATCH_HANGUP);
  ask(client);
}

static void on_client(struct source *source, uint32_t events)
{
  int buffer = 4 * FRAME_SIZE, i = 0;
  (void)events;
  int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  while (i < client_count && clients[i].source.fd >= 0)
    i++;
  uint8_t *room = i < LIMIT_NAME_CLIENTS ? pages_alloc(FRAME_SIZE) : NULL;
  if (room == NULL) {
    close(fd);
    return;
  }
  if (i == client_count)
    client_count++;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  clients[i] = (struct name_client){
    .source = { fd, 0, on_query }, .deadline = monotonic_ms() + LIMIT_NAME_IDLE_MS, .query = { room, 0 }, .upstream.source.fd = -1,
  };
  watch(&clients[i].source, EPOLLIN);
}

void names_stream_open(int fd)
{
  listener.fd = fd;
  watch(&listener, EPOLLIN);
}

uint64_t names_stream_timers(uint64_t now)
{
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < client_count; i++) {
    struct name_client *client = &clients[i];
    if (client->source.fd >= 0 && client->deadline <= now) {
      if (client->upstream.source.fd >= 0)
        ask_next(client);
      else
        client_close(client);
    }
    if (client->source.fd >= 0 && client->deadline < next)
      next = client->deadline;
  }
  return next;
}

void names_stream_close(void)
{
  source_close(&listener);
  for (int i = 0; i < client_count; i++)
    client_close(&clients[i]);
}
