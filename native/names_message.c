/* DNS messages (RFC 1035): just enough to read a question and to write addresses. Queries come from the container: they are hostile. */
#include "names.h"

enum { FLAG_RESPONSE = 0x80, MASK_OPCODE = 0x78, FLAG_TRUNCATED = 0x02, FLAG_RECURSION_DESIRED = 0x01 }; /* third byte */
enum { FLAG_RECURSION_AVAILABLE = 0x80, FLAG_CHECKING_DISABLED = 0x10, MASK_RESULT = 0x0f }; /* fourth byte */
enum { AT_FLAGS = 2, AT_QUESTIONS = 4, AT_ANSWERS = 6, AT_AUTHORITIES = 8, AT_ADDITIONAL = 10 };
#define MINIMAL_UDP_SIZE 512
#define MAX_LABEL 63
#define CLASS_INTERNET 1
#define TTL_SECONDS 600 /* Docker's */
/* A record's name (the question's, by its offset), type, class, time to live and length. */
#define RECORD_HEADER 12
#define NAME_OF_QUESTION (0xc000 | DNS_HEADER_SIZE)

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* The name at the beginning of the question; where it ends, 0 when it does not. One there cannot refer to an earlier one. */
static size_t read_name(struct name_query *query)
{
  size_t at = DNS_HEADER_SIZE, length = 0;
  bool has_own_dot = false;
  for (;;) {
    if (at >= query->size)
      return 0;
    size_t label = query->data[at++];
    if (label == 0)
      break;
    if (label > MAX_LABEL || query->size - at < label || length + (length > 0) + label > MAX_NAME_TEXT)
      return 0;
    if (length > 0) {
      query->name[length++] = '.';
      query->has_dot = true;
    }
    for (size_t i = 0; i < label; i++) {
      has_own_dot |= query->data[at + i] == '.';
      query->name[length++] = lower(query->data[at + i]);
    }
    at += label;
  }
  query->name_length = has_own_dot ? 0 : (uint8_t)length;
  return at;
}

/* RFC 6891: a record of the root's, whose class says how much the client takes. It stands first, as there is no other use for one in a query. */
static uint16_t read_udp_size(const struct name_query *query)
{
  const uint8_t *data = query->data, *record = data + query->question_end;
  bool is_there = be16_at(data + AT_ANSWERS) == 0 && be16_at(data + AT_AUTHORITIES) == 0 && be16_at(data + AT_ADDITIONAL) > 0
    && query->size - query->question_end >= 11 && record[0] == 0 && be16_at(record + 1) == TYPE_OPT;
  uint16_t size = is_there ? be16_at(record + 3) : 0;
  return size > MINIMAL_UDP_SIZE ? size : MINIMAL_UDP_SIZE;
}

enum query_state name_query_read(struct name_query *query, const uint8_t *data, size_t size, unsigned *result)
{
  memset(query, 0, sizeof *query);
  query->data = data;
  query->size = size;
  if (size < DNS_HEADER_SIZE || (data[AT_FLAGS] & FLAG_RESPONSE) != 0)
    return QUERY_IGNORED;
  if ((data[AT_FLAGS] & MASK_OPCODE) != 0) {
    *result = RESULT_NOT_IMPLEMENTED;
    return QUERY_ANSWERED;
  }
  size_t end = be16_at(data + AT_QUESTIONS) == 1 ? read_name(query) : 0;
  if (end == 0 || size - end < 4) {
    *result = RESULT_MALFORMED;
    return QUERY_ANSWERED;
  }
  query->type = be16_at(data + end);
  query->question_end = end + 4;
  query->udp_size = read_udp_size(query);
  return QUERY_READ;
}

static size_t write_head(const struct name_query *query, uint8_t *out, unsigned result, unsigned flags)
{
  size_t size = query->question_end > 0 ? query->question_end : DNS_HEADER_SIZE;
  memcpy(out, query->data, size);
  out[AT_FLAGS] = (uint8_t)(FLAG_RESPONSE | (query->data[AT_FLAGS] & (MASK_OPCODE | FLAG_RECURSION_DESIRED)));
  out[AT_FLAGS + 1] = (uint8_t)(flags | (query->data[AT_FLAGS + 1] & FLAG_CHECKING_DISABLED) | result);
  memset(out + AT_QUESTIONS, 0, DNS_HEADER_SIZE - AT_QUESTIONS);
  put_be16(out + AT_QUESTIONS, query->question_end > 0);
  return size;
}

size_t name_result(const struct name_query *query, uint8_t *out, unsigned result)
{
  return write_head(query, out, result, result == RESULT_OK ? FLAG_RECURSION_AVAILABLE : 0);
}

/* Not for secrets: who has several addresses is asked at each of them. */
static uint32_t chance(uint32_t below)
{
  static uint64_t state; /* xorshift64* */
  if (state == 0)
    random_bytes(&state, sizeof state);
  state |= state == 0;
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 2685821657736338717ull >> 32) * below >> 32);
}

/* The numbers of the first `count` of `total` records in an order of chance (Fisher and Yates). */
#define MAX_RECORDS (MAX_DNS_MESSAGE / 4)
static const uint16_t *shuffle(uint32_t total)
{
  static uint16_t order[MAX_RECORDS];
  for (uint32_t i = 0; i < total; i++) {
    uint32_t other = chance(i + 1);
    order[i] = order[other];
    order[other] = (uint16_t)i;
  }
  return order;
}

size_t name_answer(const struct name_query *query, uint8_t *out, size_t room)
{
  struct bytes records;
  if (query->name_length == 0 || (query->type != TYPE_A && query->type != TYPE_AAAA && query->type != TYPE_PTR && query->type != TYPE_MX)
      || !names_find(query->type, query->name, query->name_length, &records))
    return 0;
  /* A name without a mail exchanger of its own is that itself (RFC 5321, 5.1): no records, and no failure. */
  size_t at = write_head(query, out, RESULT_OK, FLAG_RECURSION_AVAILABLE);
  size_t each = query->type == TYPE_A ? 4 : query->type == TYPE_AAAA ? 16 : records.size;
  if (records.size == 0)
    return at;
  uint32_t total = records.size / (uint32_t)each, count = 0;
  const uint16_t *order = shuffle(total < MAX_RECORDS ? total : MAX_RECORDS);
  for (; count < total && count < MAX_RECORDS && room - at >= RECORD_HEADER + each; count++) {
    uint8_t *record = out + at;
    put_be16(record, NAME_OF_QUESTION);
    put_be16(record + 2, query->type);
    put_be16(record + 4, CLASS_INTERNET);
    put_be16(record + 6, 0);
    put_be16(record + 8, TTL_SECONDS);
    put_be16(record + 10, each);
    memcpy(record + RECORD_HEADER, records.data + order[count] * each, each);
    at += RECORD_HEADER + each;
  }
  put_be16(out + AT_ANSWERS, count);
  if (count < total)
    out[AT_FLAGS] |= FLAG_TRUNCATED;
  return at;
}

static bool same_question(const uint8_t *a, const uint8_t *b, size_t end)
{
  size_t fixed = end - 4; /* type and class */
  for (size_t i = DNS_HEADER_SIZE; i < fixed; i++)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return memcmp(a + fixed, b + fixed, 4) == 0;
}

bool name_answers(const struct name_query *query, uint16_t id, const uint8_t *data, size_t size)
{
  if (size < DNS_HEADER_SIZE || be16_at(data) != id || (data[AT_FLAGS] & FLAG_RESPONSE) == 0)
    return false;
  /* A failure may come without the question. */
  if (be16_at(data + AT_QUESTIONS) == 0)
    return (data[AT_FLAGS + 1] & MASK_RESULT) != RESULT_OK;
  if (query->question_end == 0)
    return true; /* nothing to compare: only what is led through is passed on unread */
  return size >= query->question_end && be16_at(data + AT_QUESTIONS) == 1 && same_question(query->data, data, query->question_end);
}
