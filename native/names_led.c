/*
 * On the default network a container asks the name servers of its resolv.conf, as with Docker. Where it has neighbours with names, those queries are
 * led here on their way: each goes on to the server that it was for, and what that says is what the container hears, byte for byte. Only for
 * a name that the server does not know, or says nothing about, are the tables asked. TCP is not led here: no answer of the tables is that long.
 */
#include "names.h"
#include <sys/socket.h>

/* A query on its way. */
struct led {
  struct source source; /* connected to the server: the kernel takes datagrams of that one alone */
  struct sockaddr_in client;
  uint64_t deadline; /* 0: not in use */
  uint32_t server;
  uint8_t id[2]; /* the client's */
  bool is_known; /* the tables have the name, or the beginning of one below a search domain */
  size_t size;
  uint8_t query[MAX_FORWARDED];
};

static void on_queries(struct source *source, uint32_t events);
static void on_answer(struct source *source, uint32_t events);

static struct source arrivals[MAX_SERVERS] = { { -1, 0, on_queries }, { -1, 0, on_queries }, { -1, 0, on_queries } };
static struct led queries[LIMIT_NAME_LED];
static uint32_t used; /* entries ever used */
static uint32_t next; /* the one that was taken longest ago, once all are used */
static uint8_t answer[MAX_DNS_MESSAGE];

static void end(struct led *led)
{
  source_close(&led->source);
  led->deadline = 0;
}

static void reply_and_end(struct led *led, uint8_t *data, size_t size)
{
  memcpy(data, led->id, sizeof led->id);
  sendto(arrivals[led->server].fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&led->client, sizeof led->client);
  end(led);
}

/*
 * An answer of the tables; 0 for none. A name below a search domain counts as what is before that where no server has said anything: a client
 * that hears of a failure there does not go on to look the name itself up.
 */
static size_t look_up(const uint8_t *data, size_t size, bool is_silent)
{
  struct name_query query;
  unsigned wrong;
  if (!names_come_last() || name_query_read(&query, data, size, &wrong) != QUERY_READ)
    return 0;
  size_t answered = name_answer(&query, answer, query.udp_size);
  if (answered == 0 && is_silent && names_strip_search(&query))
    answered = name_answer(&query, answer, query.udp_size);
  return answered;
}

/* Whether the tables have an answer; it has been sent then. */
static bool answered_by_tables(struct led *led, bool is_silent)
{
  size_t size = led->is_known ? look_up(led->query, led->size, is_silent) : 0;
  if (size > 0)
    reply_and_end(led, answer, size);
  return size > 0;
}

/* Nobody is there. Without us the client would have heard that from the kernel: an answer that says so makes it try its next server as soon. */
static void unreachable(struct led *led)
{
  struct name_query query;
  unsigned wrong;
  if (answered_by_tables(led, true))
    return;
  if (name_query_read(&query, led->query, led->size, &wrong) == QUERY_IGNORED)
    end(led);
  else
    reply_and_end(led, answer, name_result(&query, answer, RESULT_FAILURE));
}

static void on_answer(struct source *source, uint32_t events)
{
  struct led *led = (struct led *)source;
  struct name_query query;
  unsigned wrong;
  (void)events;
  ssize_t got = recv(source->fd, answer, sizeof answer, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got < 0) {
    unreachable(led);
    return;
  }
  name_query_read(&query, led->query, led->size, &wrong);
  if (!name_answers(&query, be16_at(led->query), answer, (size_t)got))
    return;
  unsigned code = answer[3] & 0x0f;
  bool has_none = code == RESULT_UNKNOWN || code == RESULT_FAILURE || code == RESULT_REFUSED;
  if (has_none && led->is_known) {
    static uint8_t kept[MAX_DNS_MESSAGE];
    memcpy(kept, answer, (size_t)got);
    if (!answered_by_tables(led, code != RESULT_UNKNOWN))
      reply_and_end(led, kept, (size_t)got);
  } else {
    reply_and_end(led, answer, (size_t)got);
  }
}

/* Where too many are on their way, the oldest is given up: the server has most likely dropped it. */
static struct led *take(void)
{
  for (uint32_t i = 0; i < used; i++)
    if (queries[i].deadline == 0)
      return &queries[i];
  if (used < LIMIT_NAME_LED)
    return &queries[used++];
  struct led *oldest = &queries[next];
  next = (next + 1) % LIMIT_NAME_LED;
  end(oldest);
  return oldest;
}

/* Under another id, and from a port of chance: who cannot see the query cannot answer it (RFC 5452). */
static void pass_on(uint32_t server, const uint8_t *data, size_t size, const struct sockaddr_in *client)
{
  struct led *led = take();
  int fd = names_connect(NAMES_LED + server, SOCK_DGRAM);
  led->source = (struct source){ fd < 0 ? -1 : fd, 0, on_answer };
  led->client = *client;
  led->server = server;
  led->is_known = look_up(data, size, true) > 0;
  led->deadline = monotonic_ms() + (led->is_known ? LIMIT_NAME_KNOWN_MS : LIMIT_NAME_LED_MS);
  led->size = size;
  memcpy(led->id, data, sizeof led->id);
  memcpy(led->query, data, size);
  random_bytes(led->query, sizeof led->id);
  if (fd < 0 || send(fd, led->query, size, MSG_NOSIGNAL) != (ssize_t)size) {
    unreachable(led);
    return;
  }
  watch(&led->source, EPOLLIN);
}

static void on_queries(struct source *source, uint32_t events)
{
  static uint8_t query[MAX_FORWARDED];
  (void)events;
  for (int i = 0; i < QUERIES_AT_ONCE; i++) {
    struct sockaddr_in client = { 0 };
    socklen_t size = sizeof client;
    ssize_t got = recvfrom(source->fd, query, sizeof query, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&client, &size);
    if (got < 0)
      return;
    if (got >= DNS_HEADER_SIZE && (size_t)got <= sizeof query)
      pass_on((uint32_t)(source - arrivals), query, (size_t)got, &client);
  }
}

void names_led_open(const int *fds, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    arrivals[i].fd = fds[i];
    watch(&arrivals[i], EPOLLIN);
  }
}

uint64_t names_led_timers(uint64_t now)
{
  uint64_t soonest = UINT64_MAX;
  for (uint32_t i = 0; i < used; i++) {
    struct led *led = &queries[i];
    if (led->deadline != 0 && led->deadline <= now && !answered_by_tables(led, true))
      end(led);
    if (led->deadline != 0 && led->deadline < soonest)
      soonest = led->deadline;
  }
  return soonest;
}

void names_led_close(void)
{
  for (uint32_t i = 0; i < MAX_SERVERS; i++)
    source_close(&arrivals[i]);
  for (uint32_t i = 0; i < used; i++)
    if (queries[i].deadline != 0)
      end(&queries[i]);
}
