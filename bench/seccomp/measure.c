/*
 * Installs a seccomp filter from a file (an array of struct sock_filter) and measures what system calls cost under it.
 * Usage: measure FILTER|none LOOPS. Prints one line for each call: name and nanoseconds, the least of several rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { rounds = 40 };

static struct sock_filter program[4096];

static void install(const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, program, sizeof program);
  if (size <= 0 || size % (ssize_t)sizeof program[0] != 0) {
    fprintf(stderr, "measure: cannot read a filter from %s: %s\n", path, strerror(errno));
    exit(1);
  }
  close(fd);
  struct sock_fprog filter = { .len = (unsigned short)((size_t)size / sizeof program[0]), .filter = program };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0) {
    fprintf(stderr, "measure: the kernel refuses the filter: %s\n", strerror(errno));
    exit(1);
  }
}

static double nanoseconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(const char *name, long loops, long number, long first, long second)
{
  double least = 1e18;
  for (int round = 0; round < rounds; round++) {
    double start = nanoseconds();
    for (long i = 0; i < loops; i++) syscall(number, first, second, 0, 0, 0, 0);
    double each = (nanoseconds() - start) / (double)loops;
    if (each < least) least = each;
  }
  printf("%s %.1f\n", name, least);
}

int main(int argc, char **argv)
{
  if (argc != 3) return 2;
  if (strcmp(argv[1], "none") != 0) install(argv[1]);
  long loops = atol(argv[2]);
  measure("getppid", loops, SYS_getppid, 0, 0);
  measure("close", loops, SYS_close, -1, 0);
  measure("personality", loops, SYS_personality, 0xffffffff, 0);
  /* CLONE_NEWNS with CLONE_THREAD alone: nothing that the kernel would do without a filter. */
  measure("clone-refused", loops, SYS_clone, 0x00030000, 0);
  measure("keyctl-refused", loops, SYS_keyctl, 1000, 0);
  measure("finit_module-refused", loops, SYS_finit_module, -1, 0);
  measure("unknown-refused", loops, 600, 0, 0);
  return 0;
}
