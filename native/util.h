/* What every file needs: scope-bound clean-up, small text building, the clock. Functions return 0 (or a descriptor) or -errno. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static inline void close_fd(int *fd)
{
  if (*fd >= 0) {
    int saved = errno;
    close(*fd);
    errno = saved;
  }
  *fd = -1;
}

/* A descriptor that is closed when its name goes out of scope; `take_fd` hands it on instead. */
#define CLOSE __attribute__((cleanup(close_fd)))

static inline int take_fd(int *fd)
{
  int taken = *fd;
  *fd = -1;
  return taken;
}

/* A device number as the kernel takes it from user space (makedev(3), which is a library's function). */
static inline dev_t device_number(unsigned major_number, unsigned minor_number)
{
  return ((dev_t)(major_number & 0xfff) << 8) | ((dev_t)(major_number & ~0xfffu) << 32) | (minor_number & 0xff)
    | ((dev_t)(minor_number & ~0xffu) << 12);
}

static inline int result(long returned)
{
  return returned < 0 ? -errno : (int)returned;
}

/* Text built in a buffer of the caller's: always terminated, cut off silently when full (`overflow` tells). */
struct text {
  char *start, *at, *end;
  bool overflow;
};

#define TEXT(buffer) { (buffer), (buffer), (buffer) + sizeof(buffer) - 1, false }

static inline const char *text_add(struct text *t, const char *s)
{
  while (*s != 0 && t->at < t->end)
    *t->at++ = *s++;
  t->overflow |= *s != 0;
  *t->at = 0;
  return t->start;
}

static inline const char *text_number(struct text *t, uint64_t value, int width)
{
  char digits[24];
  int at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while ((value != 0 || (int)sizeof digits - 1 - at < width) && at > 0);
  return text_add(t, digits + at);
}

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t monotonic_ms(void);
/* CLOCK_REALTIME in microseconds: the clock that reads the same in every time namespace (time_namespaces(7)). */
uint64_t realtime_us(void);
/* Writes `2026-01-02T03:04:05.000000006Z` (30 bytes, no NUL) for now, UTC. */
#define TIMESTAMP_LENGTH 30
void timestamp_now(char out[TIMESTAMP_LENGTH]);
/* Writes all of `data`; 0 or -errno. For files and blocking sockets. */
int write_all(int fd, const void *data, size_t size);
/* Reads a small file into `out` (terminated); bytes read or -errno. */
ssize_t read_small(const char *path, char *out, size_t size);
/* Anonymous memory that goes back to the kernel when freed; NULL when there is none. */
void *pages_alloc(size_t size);
void pages_free(void *pages, size_t size);
/* Parses a decimal number at *at and moves behind it; false when there is no digit. */
bool parse_number(const char **at, uint64_t *value);
