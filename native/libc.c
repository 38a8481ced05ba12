/*
 * The part of a C library that the helper uses: system calls and a few loops over bytes. Linked instead of the system's one on
 * x86_64 and arm64 (Makefile), because a static libc brings ten times the helper's own size, all of it memory of the first
 * shim, and start-up work for locales, threads and malloc that a shim never uses. Declarations are the system headers'.
 * There is one thread, so errno is one variable.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- start ------------------------------------------------------------------------------------------------------------ */

int main(int argc, char **argv);
void start_c(long *stack);
static int error_number;
uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;
char **environ;

/* The kernel enters here with argc, argv, environment and auxiliary vector on the stack. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start_c\n  hlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  and sp, x0, #-16\n  b start_c\n");
#endif

void start_c(long *stack)
{
  enum { AUXILIARY_RANDOM = 25 };
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  environ = argv + argc + 1;
  char **end = environ;
  while (*end != NULL)
    end++;
  for (const uintptr_t *entry = (const uintptr_t *)(end + 1); entry[0] != 0; entry += 2)
    if (entry[0] == AUXILIARY_RANDOM)
      memcpy(&__stack_chk_guard, (const void *)entry[1], sizeof __stack_chk_guard);
  __stack_chk_guard &= ~(uintptr_t)0xff; /* a NUL at its beginning stops string functions that run over */
  _exit(main(argc, argv));
}

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
  for (;;)
    kill(getpid(), SIGKILL);
}

int *__errno_location(void)
{
  return &error_number;
}

/* ---- system calls ----------------------------------------------------------------------------------------------------- */

static inline long raw(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
  long returned;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(returned) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return returned;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

static long checked(long returned)
{
  if (returned < 0 && returned > -4096) {
    error_number = (int)-returned;
    return -1;
  }
  return returned;
}

#define A(x) ((long)(x))
#define CALL6(number, a, b, c, d, e, f) checked(raw(number, A(a), A(b), A(c), A(d), A(e), A(f)))
#define CALL(number, a, b, c, d) CALL6(number, a, b, c, d, 0, 0)

long syscall(long number, ...)
{
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++)
    a[i] = va_arg(list, long);
  va_end(list);
  return CALL6(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

_Noreturn void _exit(int code)
{
  for (;;)
    raw(SYS_exit_group, code, 0, 0, 0, 0, 0);
}

/* The third (or fourth) argument of a function that has one only sometimes. */
#define OPTIONAL(after, type) \
  ({ \
    va_list list; \
    va_start(list, after); \
    type optional = va_arg(list, type); \
    va_end(list); \
    optional; \
  })

int open(const char *path, int flags, ...)
{
  return (int)CALL(SYS_openat, AT_FDCWD, path, flags, flags & O_CREAT ? OPTIONAL(flags, unsigned) : 0);
}

int openat(int directory, const char *path, int flags, ...)
{
  return (int)CALL(SYS_openat, directory, path, flags, flags & O_CREAT ? OPTIONAL(flags, unsigned) : 0);
}

int fcntl(int fd, int command, ...)
{
  return (int)CALL(SYS_fcntl, fd, command, OPTIONAL(command, long), 0);
}

int ioctl(int fd, unsigned long request, ...)
{
  return (int)CALL(SYS_ioctl, fd, request, OPTIONAL(request, long), 0);
}

int prctl(int option, ...)
{
  va_list list;
  long a[4];
  va_start(list, option);
  for (int i = 0; i < 4; i++)
    a[i] = va_arg(list, long);
  va_end(list);
  return (int)CALL6(SYS_prctl, option, a[0], a[1], a[2], a[3], 0);
}

int close(int fd) { return (int)CALL(SYS_close, fd, 0, 0, 0); }
ssize_t read(int fd, void *data, size_t size) { return CALL(SYS_read, fd, data, size, 0); }
ssize_t write(int fd, const void *data, size_t size) { return CALL(SYS_write, fd, data, size, 0); }
int dup2(int from, int to) { return from == to ? from : (int)CALL(SYS_dup3, from, to, 0, 0); }
int pipe2(int ends[2], int flags) { return (int)CALL(SYS_pipe2, ends, flags, 0, 0); }
int ftruncate(int fd, off_t size) { return (int)CALL(SYS_ftruncate, fd, size, 0, 0); }
int fstat(int fd, struct stat *st) { return (int)CALL(SYS_fstat, fd, st, 0, 0); }
int fstatat(int fd, const char *path, struct stat *st, int flags) { return (int)CALL(SYS_newfstatat, fd, path, st, flags); }
int fstatfs(int fd, struct statfs *fs) { return (int)CALL(SYS_fstatfs, fd, fs, 0, 0); }
int fchown(int fd, uid_t uid, gid_t gid) { return (int)CALL(SYS_fchown, fd, uid, gid, 0); }
int fchmod(int fd, mode_t mode) { return (int)CALL(SYS_fchmod, fd, mode, 0, 0); }
int fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags) { return (int)CALL6(SYS_fchownat, fd, path, uid, gid, flags, 0); }
int utimensat(int fd, const char *path, const struct timespec times[2], int flags) { return (int)CALL(SYS_utimensat, fd, path, times, flags); }
int futimens(int fd, const struct timespec times[2]) { return (int)CALL(SYS_utimensat, fd, 0, times, 0); }
int linkat(int from, const char *path, int to, const char *name, int flags) { return (int)CALL6(SYS_linkat, from, path, to, name, flags, 0); }
ssize_t readlinkat(int fd, const char *path, char *out, size_t size) { return CALL(SYS_readlinkat, fd, path, out, size); }
int symlinkat(const char *to, int fd, const char *path) { return (int)CALL(SYS_symlinkat, to, fd, path, 0); }
int mkdirat(int fd, const char *path, mode_t mode) { return (int)CALL(SYS_mkdirat, fd, path, mode, 0); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int mknodat(int fd, const char *path, mode_t mode, dev_t device) { return (int)CALL(SYS_mknodat, fd, path, mode, device); }
int unlink(const char *path) { return (int)CALL(SYS_unlinkat, AT_FDCWD, path, 0, 0); }
int rmdir(const char *path) { return (int)CALL(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR, 0); }
int rename(const char *from, const char *to) { return (int)CALL6(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0, 0); }
int chdir(const char *path) { return (int)CALL(SYS_chdir, path, 0, 0, 0); }
int fchdir(int fd) { return (int)CALL(SYS_fchdir, fd, 0, 0, 0); }
mode_t umask(mode_t mask) { return (mode_t)CALL(SYS_umask, mask, 0, 0, 0); }
int madvise(void *at, size_t size, int advice) { return (int)CALL(SYS_madvise, at, size, advice, 0); }
int munmap(void *at, size_t size) { return (int)CALL(SYS_munmap, at, size, 0, 0); }
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
  return (void *)CALL6(SYS_mmap, at, size, protection, flags, fd, offset);
}
int socket(int family, int type, int protocol) { return (int)CALL(SYS_socket, family, type, protocol, 0); }
int socketpair(int family, int type, int protocol, int pair[2]) { return (int)CALL(SYS_socketpair, family, type, protocol, pair); }
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) { return (int)CALL(SYS_accept4, fd, address, size, flags); }
int getsockopt(int fd, int level, int name, void *out, socklen_t *size) { return (int)CALL6(SYS_getsockopt, fd, level, name, out, size, 0); }
int setsockopt(int fd, int level, int name, const void *value, socklen_t size) { return (int)CALL6(SYS_setsockopt, fd, level, name, value, size, 0); }
int shutdown(int fd, int how) { return (int)CALL(SYS_shutdown, fd, how, 0, 0); }
ssize_t send(int fd, const void *data, size_t size, int flags) { return CALL6(SYS_sendto, fd, data, size, flags, 0, 0); }
ssize_t recv(int fd, void *data, size_t size, int flags) { return CALL6(SYS_recvfrom, fd, data, size, flags, 0, 0); }
int bind(int fd, const struct sockaddr *address, socklen_t size) { return (int)CALL(SYS_bind, fd, address, size, 0); }
int listen(int fd, int backlog) { return (int)CALL(SYS_listen, fd, backlog, 0, 0); }
int getsockname(int fd, struct sockaddr *address, socklen_t *size) { return (int)CALL(SYS_getsockname, fd, address, size, 0); }
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) { return CALL6(SYS_sendto, fd, data, size, flags, to, length); }
ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *length) { return CALL6(SYS_recvfrom, fd, data, size, flags, from, length); }
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return CALL(SYS_sendmsg, fd, message, flags, 0); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return CALL(SYS_recvmsg, fd, message, flags, 0); }
int epoll_create1(int flags) { return (int)CALL(SYS_epoll_create1, flags, 0, 0, 0); }
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) { return (int)CALL(SYS_epoll_ctl, epoll, operation, fd, event); }
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
  return (int)CALL6(SYS_epoll_pwait, epoll, events, count, timeout, 0, 8);
}
int poll(struct pollfd *fds, nfds_t count, int timeout)
{
  struct timespec time = { timeout / 1000, timeout % 1000 * 1000000L };
  return (int)CALL6(SYS_ppoll, fds, count, timeout < 0 ? NULL : &time, 0, 8, 0);
}
int clock_gettime(clockid_t clock, struct timespec *out) { return (int)CALL(SYS_clock_gettime, clock, out, 0, 0); }
pid_t getpid(void) { return (pid_t)CALL(SYS_getpid, 0, 0, 0, 0); }
uid_t geteuid(void) { return (uid_t)CALL(SYS_geteuid, 0, 0, 0, 0); }
pid_t getpgrp(void) { return (pid_t)CALL(SYS_getpgid, 0, 0, 0, 0); }
int setpgid(pid_t pid, pid_t group) { return (int)CALL(SYS_setpgid, pid, group, 0, 0); }
int tcsetpgrp(int fd, pid_t group) { return ioctl(fd, TIOCSPGRP, &group); }
pid_t setsid(void) { return (pid_t)CALL(SYS_setsid, 0, 0, 0, 0); }
int setns(int fd, int type) { return (int)CALL(SYS_setns, fd, type, 0, 0); }
int kill(pid_t pid, int number) { return (int)CALL(SYS_kill, pid, number, 0, 0); }
int pause(void) { return poll(NULL, 0, -1); }
pid_t fork(void) { return (pid_t)CALL6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0); }
pid_t waitpid(pid_t pid, int *status, int options) { return (pid_t)CALL(SYS_wait4, pid, status, options, 0); }
int waitid(idtype_t type, id_t id, siginfo_t *info, int options) { return (int)CALL6(SYS_waitid, type, id, info, options, 0, 0); }
int execve(const char *path, char *const argv[], char *const envp[]) { return (int)CALL(SYS_execve, path, argv, envp, 0); }

/* The kernel's sets have 64 signals. Only SIG_DFL and SIG_IGN are ever installed, which need no way back out of a handler. */
int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } kernel = { new->sa_handler, 0, NULL, 0 };
  if (old != NULL || (new->sa_handler != SIG_DFL && new->sa_handler != SIG_IGN)) {
    error_number = EINVAL;
    return -1;
  }
  return (int)CALL(SYS_rt_sigaction, number, &kernel, NULL, 8);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old) { return (int)CALL(SYS_rt_sigprocmask, how, set, old, 8); }
int sigwaitinfo(const sigset_t *set, siginfo_t *info) { return (int)CALL(SYS_rt_sigtimedwait, set, info, NULL, 8); }

int sigemptyset(sigset_t *set)
{
  memset(set, 0, sizeof *set);
  return 0;
}

int sigfillset(sigset_t *set)
{
  memset(set, 0xff, sizeof *set);
  return 0;
}

int sigdelset(sigset_t *set, int number)
{
  uint64_t first;
  memcpy(&first, set, sizeof first);
  first &= ~((uint64_t)1 << (number - 1));
  memcpy(set, &first, sizeof first);
  return 0;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------ */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
#if defined(__x86_64__)
  void *at = to;
  __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
#else
  char *out = to;
  const char *in = from;
  for (; size >= 8; size -= 8, out += 8, in += 8)
    __builtin_memcpy(out, in, 8);
  while (size-- > 0)
    *out++ = *in++;
#endif
  return to;
}

void *memmove(void *to, const void *from, size_t size)
{
  char *out = to;
  const char *in = from;
  if (out <= in)
    for (size_t i = 0; i < size; i++)
      out[i] = in[i];
  else
    while (size-- > 0)
      out[size] = in[size];
  return to;
}

void *memset(void *to, int value, size_t size)
{
#if defined(__x86_64__)
  void *at = to;
  __asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
#else
  for (char *out = to; size-- > 0;)
    *out++ = (char)value;
#endif
  return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
  const uint8_t *x = a, *y = b;
  for (; size > 0; size--, x++, y++)
    if (*x != *y)
      return *x - *y;
  return 0;
}

void *memchr(const void *s, int value, size_t size)
{
  const uint8_t *at = s;
  const uint64_t ones = 0x0101010101010101u, pattern = ones * (uint8_t)value;
  for (; size >= 8; size -= 8, at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, at, 8);
    word ^= pattern;
    if (((word - ones) & ~word & (ones << 7)) != 0)
      break;
  }
  for (; size > 0; size--, at++)
    if (*at == (uint8_t)value)
      return (void *)(uintptr_t)at;
  return NULL;
}

size_t strnlen(const char *s, size_t max)
{
  const char *end = memchr(s, 0, max);
  return end != NULL ? (size_t)(end - s) : max;
}

size_t strlen(const char *s)
{
  const char *at = s;
  while (*at != 0)
    at++;
  return (size_t)(at - s);
}

int strncmp(const char *a, const char *b, size_t size)
{
  for (; size > 0; size--, a++, b++)
    if (*a != *b || *a == 0)
      return (uint8_t)*a - (uint8_t)*b;
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *s, int c)
{
  for (;; s++) {
    if (*s == (char)c)
      return (char *)(uintptr_t)s;
    if (*s == 0)
      return NULL;
  }
}

char *strrchr(const char *s, int c)
{
  const char *found = NULL;
  for (; s != NULL; s = *s == 0 ? NULL : s + 1)
    if (*s == (char)c)
      found = s;
  return (char *)(uintptr_t)found;
}

size_t strcspn(const char *s, const char *stop)
{
  size_t length = 0;
  while (s[length] != 0 && strchr(stop, s[length]) == NULL)
    length++;
  return length;
}

size_t strspn(const char *s, const char *set)
{
  size_t length = 0;
  while (s[length] != 0 && strchr(set, s[length]) != NULL)
    length++;
  return length;
}
