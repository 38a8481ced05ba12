/*
 * The init of a container (`docker run --init`): starts the command as its child, passes signals on, reaps zombies, and ends
 * as the child does: its exit code, 128+n for a signal, 126 or 127 when it could not be executed.
 */
#include "modes.h"
#include "util.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void say(const char *command, const char *why)
{
  char line[512];
  struct text text = TEXT(line);
  text_add(&text, "docker-init: ");
  text_add(&text, command);
  text_add(&text, why);
  if (write(2, line, strlen(line)) < 0)
    return;
}

/* Signals that a program raises by its own fault are its own; SIGCHLD is the init's. The rest is passed on. */
static void passed_signals(sigset_t *set)
{
  const int own[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU };
  sigfillset(set);
  for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
    sigdelset(set, own[i]);
}

static void handle(int number, void (*handler)(int))
{
  struct sigaction action = { .sa_handler = handler };
  sigaction(number, &action, NULL);
}

static const char *path_variable(void)
{
  for (char **entry = environ; *entry != NULL; entry++)
    if (strncmp(*entry, "PATH=", 5) == 0)
      return *entry + 5;
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Tries PATH as execvp(3) does, without its fallback to a shell; -errno when nothing could be executed. */
static int execute(char **argv)
{
  int found = -ENOENT;
  if (strchr(argv[0], '/') != NULL) {
    execve(argv[0], argv, environ);
    return -errno;
  }
  for (const char *directory = path_variable(); directory != NULL;) {
    char candidate[4096];
    struct text text = TEXT(candidate);
    size_t length = strcspn(directory, ":");
    const char *next = directory[length] == ':' ? directory + length + 1 : NULL;
    if (length + strlen(argv[0]) + 2 < sizeof candidate) {
      memcpy(candidate, directory, length);
      text.at = candidate + length;
      text_add(&text, length == 0 ? "./" : "/");
      text_add(&text, argv[0]);
      execve(candidate, argv, environ);
      if (errno != ENOENT && errno != ENOTDIR)
        found = -errno;
    }
    directory = next;
  }
  return found;
}

/* A process group of its own, in front of the terminal if there is one, so that Ctrl-C reaches it and all it starts. */
static _Noreturn void run_command(char **argv, const sigset_t *before)
{
  if (setpgid(0, 0) == 0)
    tcsetpgrp(0, getpgrp()); /* ENOTTY without a terminal */
  handle(SIGTTOU, SIG_DFL);
  handle(SIGTTIN, SIG_DFL);
  sigprocmask(SIG_SETMASK, before, NULL);
  int error = execute(argv);
  int code = error == -ENOENT || error == -ENOTDIR ? 127 : 126;
  say(argv[0], code == 127 ? ": no such file or directory\n" : error == -EACCES ? ": permission denied\n" : ": cannot be executed\n");
  _exit(code);
}

/* Reaps whatever has ended; true with the exit code when the command is among it. */
static bool reap(pid_t command, int *code)
{
  bool over = false;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == command) {
      over = true;
      *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  return over;
}

int init_main(char **argv)
{
  if (argv[0] != NULL && strcmp(argv[0], "--") == 0)
    argv++;
  if (argv[0] == NULL) {
    say("", "a command is needed: docker-init -- COMMAND [ARGUMENT...]\n");
    return 1;
  }
  sigset_t passed, before;
  passed_signals(&passed);
  sigprocmask(SIG_SETMASK, &passed, &before);
  /* The terminal is the child's from now on: the init must not be stopped for touching it. */
  handle(SIGTTIN, SIG_IGN);
  handle(SIGTTOU, SIG_IGN);
  pid_t command = fork();
  if (command < 0) {
    say(argv[0], ": cannot fork\n");
    return 1;
  }
  if (command == 0)
    run_command(argv, &before);
  for (int code = 0;;) {
    siginfo_t info;
    int number = sigwaitinfo(&passed, &info);
    if (number == SIGCHLD || (number < 0 && errno == EAGAIN)) {
      if (reap(command, &code))
        return code;
    } else if (number > 0) {
      kill(command, number); /* ESRCH: it has just ended, and SIGCHLD is on its way */
    }
  }
}
