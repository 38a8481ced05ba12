/*
 * The shim: one process per container, its parent, the owner of its stdio. One thread, one epoll set, static memory: what is
 * never touched costs nothing, and nothing can leak.
 */
#pragma once
#include "plan.h"
#include <sys/epoll.h>

/* Something that epoll reports on. `ready` may close it, but frees nothing: objects live in static tables. */
struct source {
  int fd; /* -1 when there is none */
  uint32_t events; /* registered; 0 when not registered */
  void (*ready)(struct source *source, uint32_t events);
};

/* Registers, changes or (0) removes. A peer that hangs up is always reported while registered: WATCH_HANGUP asks for only that. */
#define WATCH_HANGUP EPOLLERR
void watch(struct source *source, uint32_t events);
void source_close(struct source *source);
/* In a process that has been forked off: nothing is registered any more, and its parent's registrations stay. The descriptor that it needs. */
int watch_anew(void);
/* One of those that are ready; false when `timeout` (milliseconds, -1 for none) has passed, or a signal came. */
bool watch_wait(struct epoll_event *event, int timeout);

#define MAX_PROCESSES 129 /* the container and its execs */
#define MAX_CONNECTIONS 256
#define ID_SIZE 65
/* Bytes read at once from a process or a client, with room in front for a frame's header. */
#define CHUNK 262144
#define FRAME_HEADER 8
/*
 * What pipes hold: the kernel's standard, and, for a process that fills it, as much as is read at once. Only for that long: all pipes of a
 * user count towards one limit (pipe(7), pipe-user-pages-soft), beyond which new ones in every container would be tiny.
 */
#define PIPE_STANDARD 65536
#define PIPE_WIDE CHUNK
/* Bytes of output that the kernel keeps for a client: fewer turns for a fast one, and a bound for one that does not read. */
#define CLIENT_BUFFER 1048576
/* How long a client has to close its connection after the end, so that nothing it has not read is thrown away by a reset. */
#define LINGER_MS 2000
/* What a client may have waiting: the rest of a frame, and, after the exit, all that was still in the pipes. */
#define PENDING_SIZE (4 * (CHUNK + FRAME_HEADER))

enum process_state {
  PROCESS_FREE,
  PROCESS_STARTING, /* cloned, not yet executing */
  PROCESS_RUNNING,
  PROCESS_DRAINING, /* reaped; its output is being read to the end */
  PROCESS_FINISHED, /* its exit is known but no daemon has heard of it */
};

struct process;

struct stream {
  struct source source;
  struct process *process;
  uint8_t number; /* 1 stdout (or the terminal), 2 stderr */
  bool wide; /* its pipe holds PIPE_WIDE */
};

enum input_state {
  INPUT_NONE, /* /dev/null, or closed for good */
  INPUT_WAITING, /* the process has not handed it over yet */
  INPUT_OPEN,
  INPUT_FULL, /* the process does not read: clients wait */
};

struct exit_facts {
  uint32_t code, signal;
  bool oom_killed;
  char finished_at[TIMESTAMP_LENGTH + 1];
};

struct connection;

struct process {
  enum process_state state;
  char id[ID_SIZE]; /* empty for the container */
  uint32_t stdio; /* STDIO_* */
  pid_t pid;
  struct source pidfd;

  /* starting */
  struct source status;
  struct progress *progress;
  uint8_t *message; /* what holds the plan, until the host section has been executed */
  size_t message_size;
  struct section host;
  uint32_t request;
  struct connection *requester; /* NULL when it has gone */
  uint64_t began_us, prepared_us;
  uint32_t phases[PHASE_COUNT];
  uint16_t columns, rows; /* a resize that came before the terminal */

  /* stdio */
  struct stream streams[2];
  struct source input;
  enum input_state input_state;
  uint32_t expected; /* attachments still to come before output is read */
  uint64_t expect_until;

  /* ended */
  struct exit_facts exit;
  uint64_t drain_until;
};

enum connection_kind {
  CONNECTION_FREE,
  CONNECTION_NEW, /* has not said what it is */
  CONNECTION_CONTROL,
  CONNECTION_PARKED, /* attached to an exec that has not begun */
  CONNECTION_ATTACHED,
  CONNECTION_CLOSING, /* only what is pending is still sent, and what the client still sends is dropped */
};

struct connection {
  struct source source;
  enum connection_kind kind;

  /* new, control: the message being received */
  uint8_t header[8];
  size_t have;
  uint8_t *message;
  size_t message_size;
  int passed; /* a client's own connection that came with `attach`, or -1 */

  /* parked, attached, closing */
  char target[ID_SIZE];
  struct process *process;
  uint32_t streams; /* STREAM_* */
  uint8_t *pending; /* PENDING_SIZE, only while something is */
  size_t pending_at, pending_end;
  uint64_t deadline; /* parked, or with something pending: when it is let go; 0 never */
};

/* What the launch request said. Strings are copies. */
struct container {
  char id[ID_SIZE];
  char exit_record_path[PATH_MAX];
  char oom_events_path[PATH_MAX];
  char socket_path[PATH_MAX];
  uint32_t stall_ms;
  struct section release; /* a copy */
};

extern struct container container;
extern struct process processes[MAX_PROCESSES]; /* [0] is the container's first process */
extern struct connection connections[MAX_CONNECTIONS];
extern int process_count, connection_count; /* entries ever used */
extern uint8_t io_buffer[FRAME_HEADER + CHUNK];

/* shim.c */
/* Executes the release section, once, and gives the name of the socket free. */
void shim_release(void);
/* Stops listening: nobody else is to speak to this shim. The socket's name is the daemon's to remove. */
void shim_withdraw(void);
/* Lets `ps` show the container's id in place of the argument that the shim was started with, as much of it as fits. */
void shim_show(const char *id);
/* The container is over, or never began: releases what it held, says so, exits when every client has its output. */
void shim_finish(void);

/* process.c */
/* Starts a process from the plan in message[plan_at..]; takes the message over. Answers the requester itself, now or later. */
struct process_request {
  const char *id;
  uint32_t stdio, expected, request;
  struct bytes plan;
  uint8_t *message;
  size_t message_size;
  struct connection *requester;
};
void process_start(const struct process_request *request);
struct process *process_find(const char *id);
/* Output may be read, or has to stop; called whenever what decides this has changed. */
void process_update(struct process *process);
void process_kill(struct process *process);
/* Closes every descriptor from 3 on but these. `keep` is sorted here; -1 entries are skipped. */
void close_all_but(int *keep, size_t count);
/* Ends what waits for a time: drains, announced attachments that never came. Returns the next such time, or UINT64_MAX. */
uint64_t process_timers(uint64_t now);

/* op_port.c: looks at ports again whose relay has failed; as process_timers. */
uint64_t port_timers(uint64_t now);

/* relay.c */
void relay_begin(struct process *process, const int *fds, size_t count, bool terminal);
void relay_read(struct stream *stream, bool to_the_end);
/* Gives back what only a burst of output needed. */
void relay_trim(void);
void relay_close(struct process *process);
/* The same for an exec that never ran: the daemon, which still holds its client's connection, says why. */
void relay_forsake(struct process *process);
void client_begin(struct connection *client);
void client_end(struct connection *client);
void client_update(struct connection *client);
/* True while a client has so much to take that no more may be read for it. */
bool clients_block(const struct process *process);
uint64_t client_timers(uint64_t now);
int relay_resize(struct process *process, uint32_t columns, uint32_t rows);

/* control.c */
void connection_accept(struct source *listener, uint32_t events);
void connection_adopt(int fd);
void connection_close(struct connection *connection);
/* Leaves every daemon. */
void control_close(void);

/* requests.c */
void message_dispatch(struct connection *connection, uint32_t type);
/* Attaches the connections that came before their exec. */
void connection_unpark(struct process *process);

/* answers.c */
void send_hello(struct connection *to);
void send_done(struct connection *to, uint32_t request, int error);
void send_started(struct process *process);
void send_failed(struct connection *to, uint32_t request, uint32_t section, int32_t index, int error, const char *object);
/* True when a daemon took it. */
bool send_exited(const struct process *process);
/* The same. */
bool send_oom(void);
void send_released(void);

/* names.c */
uint64_t names_timers(uint64_t now);
void names_close(void);

/* jsonlog.c */
/* `attributes`: JSON that every record gets as its `attrs`, or empty. */
int log_open(const char *path, uint64_t max_size, uint32_t max_files, const char *attributes);
void log_write(int stream, const uint8_t *data, size_t size);
/* Writes what has been gathered to the file; `end` also what has no newline yet. */
void log_flush(bool end);
/* Gives memory back that only a burst of output needed. */
void log_trim(void);

/* record.c */
void record_exit(const struct exit_facts *exit);
/* How many processes of the container the kernel has killed for want of memory. */
uint64_t record_oom_kills(void);

/* oom.c */
void oom_watch(void);
void oom_unwatch(void);
/* To a daemon that has come back, what the last one was not there to hear. */
void oom_tell_again(void);
