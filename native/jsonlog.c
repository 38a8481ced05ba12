/*
 * The json-file log, as Docker writes it: {"log":"text\n","stream":"stdout","time":"…Z"} and a newline per line of output.
 * A line of more than 16 KiB becomes several records, with "\n" only in the last, which is empty when the newline comes right after 16 KiB.
 */
#include "shim.h"
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* One byte of a line is at most six of a record. */
#define RECORD_MAX (LIMIT_MAX_LOG_LINE * 6 + LIMIT_MAX_LOG_ATTRIBUTES + 128)
#define BUFFER_SIZE (2 * RECORD_MAX > 262144 ? 2 * RECORD_MAX : 262144)

static int log_fd = -1;
static const char *log_path;
static char log_path_text[PATH_MAX];
static uint64_t log_size, log_max_size;
static uint32_t log_max_files;
static char *log_attributes;
static size_t log_attributes_size;

static uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(4096)));
static size_t buffered;

/* The beginning of a line whose newline has not come yet, of each stream. */
static uint8_t partial[2][LIMIT_MAX_LOG_LINE] __attribute__((aligned(4096)));
static size_t partial_size[2];

static int open_current(void)
{
  CLOSE int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0)
    return -errno;
  log_size = (uint64_t)st.st_size;
  close_fd(&log_fd);
  log_fd = take_fd(&fd);
  return 0;
}

int log_open(const char *path, uint64_t max_size, uint32_t max_files, const char *attributes)
{
  struct text text = TEXT(log_path_text);
  log_path = text_add(&text, path);
  log_max_size = max_size;
  log_max_files = max_files < 1 ? 1 : max_files;
  log_attributes_size = strlen(attributes);
  if (text.overflow || log_attributes_size > LIMIT_MAX_LOG_ATTRIBUTES)
    return -ENAMETOOLONG;
  if (log_attributes_size > 0) {
    log_attributes = pages_alloc(log_attributes_size);
    if (log_attributes == NULL)
      return -ENOMEM;
    memcpy(log_attributes, attributes, log_attributes_size);
  }
  return open_current();
}

static const char *numbered(char out[PATH_MAX + 16], uint32_t number)
{
  struct text text = { out, out, out + PATH_MAX + 15, false };
  text_add(&text, log_path);
  if (number > 0) {
    text_add(&text, ".");
    text_number(&text, number, 1);
  }
  return out;
}

/* path.1 is the newest of the old ones. With one file only, a new one takes its place: who reads the old one may finish. */
static void rotate(void)
{
  char from[PATH_MAX + 16], to[PATH_MAX + 16];
  for (uint32_t i = log_max_files - 1; i > 0; i--)
    rename(numbered(from, i - 1), numbered(to, i));
  if (log_max_files == 1)
    unlink(log_path);
  if (open_current() < 0)
    log_size = 0; /* the old descriptor goes on: better a large file than lost lines */
}

/* A disk that is full loses records, never half of one, and never stops the container. */
static void write_out(void)
{
  if (buffered == 0)
    return;
  if (write_all(log_fd, buffer, buffered) == 0)
    log_size += buffered;
  else if (ftruncate(log_fd, (off_t)log_size) < 0)
    log_size = 0;
  buffered = 0;
}

/* How many bytes of the UTF-8 sequence at `s` are valid together, or 0: overlong forms, surrogates and what lies beyond U+10FFFF are not. */
static size_t sequence_length(const uint8_t *s, size_t left)
{
  static const struct { uint8_t first, last, low, high, length; } forms[] = {
    { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
    { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
  };
  for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
    if (s[0] < forms[i].first || s[0] > forms[i].last)
      continue;
    if (left < forms[i].length || s[1] < forms[i].low || s[1] > forms[i].high)
      return 0;
    for (size_t k = 2; k < forms[i].length; k++)
      if ((s[k] & 0xc0) != 0x80)
        return 0;
    return forms[i].length;
  }
  return 0;
}

static uint8_t *put(uint8_t *out, const char *s)
{
  size_t length = strlen(s);
  memcpy(out, s, length);
  return out + length;
}

static bool is_plain(uint8_t c)
{
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* True when all eight bytes are plain: the arithmetic looks at them together, and may only err towards false. */
static bool are_plain(const uint8_t *s)
{
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
  uint64_t v;
  memcpy(&v, s, 8);
#define HAS(c) ({ uint64_t x = v ^ (ones * (c)); (x - ones) & ~x; })
  /* '<' and '>' differ in one bit, as do '"' and '&' in one other: each pair is one comparison. */
  uint64_t angle = (v | ones * 2) ^ (ones * '>');
  uint64_t quote = (v | ones * 4) ^ (ones * '&');
  uint64_t bad = v | (v - ones * 0x20) | HAS('\\') | ((angle - ones) & ~angle) | ((quote - ones) & ~quote);
#undef HAS
  return (bad & tops) == 0;
}

/* JSON's escapes as Go's encoder writes them, which clients compare with. */
static uint8_t *escape(uint8_t *out, const uint8_t *s, size_t size)
{
  static const char hex[] = "0123456789abcdef";
  const uint8_t *end = s + size;
  while (s < end) {
    while (end - s >= 8 && are_plain(s)) {
      memcpy(out, s, 8);
      out += 8;
      s += 8;
    }
    if (s == end)
      break;
    uint8_t c = *s;
    if (is_plain(c)) {
      *out++ = c;
      s++;
    } else if (c < 0x80) {
      if (c == '"' || c == '\\' || c == '\n' || c == '\r') {
        *out++ = '\\';
        *out++ = c == '\n' ? 'n' : c == '\r' ? 'r' : c;
      } else {
        out = put(out, "\\u00");
        *out++ = (uint8_t)hex[c >> 4];
        *out++ = (uint8_t)hex[c & 15];
      }
      s++;
    } else {
      size_t length = sequence_length(s, (size_t)(end - s));
      if (length == 0) {
        out = put(out, "\\ufffd");
        s++;
      } else if (length == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & ~1) == 0xa8) {
        out = put(out, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
        s += 3;
      } else {
        memcpy(out, s, length);
        out += length;
        s += length;
      }
    }
  }
  return out;
}

/* When what is being logged was read. Lines that came together share it: a clock read for each would cost more than the line. */
static char read_at[TIMESTAMP_LENGTH];

static void put_record(int stream, const uint8_t *line, size_t size, bool newline)
{
  if (log_max_size > 0 && log_size + buffered >= log_max_size) {
    write_out();
    rotate();
  }
  if (sizeof buffer - buffered < RECORD_MAX)
    write_out();
  uint8_t *out = put(buffer + buffered, "{\"log\":\"");
  out = escape(out, line, size);
  out = put(out, newline ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
  out = put(out, stream == 2 ? "stderr\"" : "stdout\"");
  if (log_attributes_size > 0) {
    out = put(out, ",\"attrs\":");
    memcpy(out, log_attributes, log_attributes_size);
    out += log_attributes_size;
  }
  out = put(out, ",\"time\":\"");
  memcpy(out, read_at, TIMESTAMP_LENGTH);
  out = put(out + TIMESTAMP_LENGTH, "\"}\n");
  buffered = (size_t)(out - buffer);
}

/* Adds to the line that has begun, up to what a record may have; returns how much of it. */
static size_t add_partial(int index, const uint8_t *data, size_t size)
{
  size_t room = LIMIT_MAX_LOG_LINE - partial_size[index], taken = size < room ? size : room;
  memcpy(partial[index] + partial_size[index], data, taken);
  partial_size[index] += taken;
  return taken;
}

void log_write(int stream, const uint8_t *data, size_t size)
{
  if (log_fd < 0)
    return;
  timestamp_now(read_at);
  int index = stream == 2;
  const uint8_t *end = data + size;
  while (data < end) {
    const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
    size_t length = (size_t)((newline != NULL ? newline : end) - data);
    if (partial_size[index] == 0 && length >= LIMIT_MAX_LOG_LINE) {
      put_record(stream, data, LIMIT_MAX_LOG_LINE, false);
      data += LIMIT_MAX_LOG_LINE;
    } else if (partial_size[index] == 0 && newline != NULL) {
      put_record(stream, data, length, true);
      data = newline + 1;
    } else {
      data += add_partial(index, data, length);
      bool full = partial_size[index] == LIMIT_MAX_LOG_LINE, complete = !full && data == newline;
      if (!complete && !full)
        continue;
      put_record(stream, partial[index], partial_size[index], complete);
      partial_size[index] = 0;
      data += complete;
    }
  }
}

void log_flush(bool end)
{
  if (log_fd < 0)
    return;
  timestamp_now(read_at);
  for (int index = 0; end && index < 2; index++) {
    if (partial_size[index] > 0)
      put_record(index + 1, partial[index], partial_size[index], false);
    partial_size[index] = 0;
  }
  write_out();
}

void log_trim(void)
{
  if (buffered == 0)
    madvise(buffer, sizeof buffer, MADV_DONTNEED);
}
