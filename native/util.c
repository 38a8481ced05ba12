#include "util.h"
#include <sys/mman.h>
#include <time.h>

uint64_t monotonic_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t realtime_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void put_digits(char *out, unsigned value, int width)
{
  while (width-- > 0) {
    out[width] = (char)('0' + value % 10);
    value /= 10;
  }
}

/* Days since 1970 to a civil date, in the calendar's 400-year cycles with the year starting in March. */
static void civil_date(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
  days += 719468;
  int64_t cycle = days / 146097;
  unsigned in_cycle = (unsigned)(days - cycle * 146097);
  unsigned year_of_cycle = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
  unsigned day_of_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  unsigned shifted = (5 * day_of_year + 2) / 153;
  *day = day_of_year - (153 * shifted + 2) / 5 + 1;
  *month = shifted < 10 ? shifted + 3 : shifted - 9;
  *year = (unsigned)(year_of_cycle + cycle * 400) + (*month <= 2);
}

void timestamp_now(char out[TIMESTAMP_LENGTH])
{
  /* A line a microsecond needs a time each: the text of the second is made once. */
  static char second[20];
  static int64_t second_of = -1;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != second_of) {
    unsigned year, month, day, rest = (unsigned)(now.tv_sec % 86400);
    civil_date(now.tv_sec / 86400, &year, &month, &day);
    memcpy(second, "0000-00-00T00:00:00.", sizeof second);
    put_digits(second, year, 4);
    put_digits(second + 5, month, 2);
    put_digits(second + 8, day, 2);
    put_digits(second + 11, rest / 3600, 2);
    put_digits(second + 14, rest / 60 % 60, 2);
    put_digits(second + 17, rest % 60, 2);
    second_of = now.tv_sec;
  }
  memcpy(out, second, sizeof second);
  put_digits(out + 20, (unsigned)now.tv_nsec, 9);
  out[29] = 'Z';
}

int write_all(int fd, const void *data, size_t size)
{
  const char *at = data;
  while (size > 0) {
    ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -errno;
    at += n;
    size -= (size_t)n;
  }
  return 0;
}

ssize_t read_small(const char *path, char *out, size_t size)
{
  CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  size_t have = 0;
  while (have < size - 1) {
    ssize_t n = read(fd, out + have, size - 1 - have);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -errno;
    if (n == 0)
      break;
    have += (size_t)n;
  }
  out[have] = 0;
  return (ssize_t)have;
}

void *pages_alloc(size_t size)
{
  void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}

void pages_free(void *pages, size_t size)
{
  if (pages != NULL)
    munmap(pages, size);
}

bool parse_number(const char **at, uint64_t *value)
{
  const char *start = *at;
  *value = 0;
  while (**at >= '0' && **at <= '9')
    *value = *value * 10 + (uint64_t)(*(*at)++ - '0');
  return *at != start;
}
