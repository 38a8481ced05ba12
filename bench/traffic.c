/*
 * Traffic for the bench, between network namespaces that it is started in.
 *
 *   traffic serve PORT                      takes TCP connections, and reads what comes; prints `ready`
 *   traffic send ADDRESS PORT MILLISECONDS  sends for so long, and prints megabytes a second, until all of it was read
 *   traffic ask ADDRESS NAME COUNT WINDOW   asks a name server that often, so many at a time; prints answers a second, and the
 *                                           milliseconds that 99 of 100 came within
 *
 * Each ends with its parent, and after a minute in any case.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_SECONDS 60
#define CHUNK (128 * 1024)
#define DNS_PORT 53
#define DNS_HEADER 12
#define MAX_WINDOW 256
#define ID_COUNT 65536

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct sockaddr_in at(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(address);
	return to;
}

static void serve(const char *port)
{
	static char buffer[CHUNK];
	struct sockaddr_in here = at("0.0.0.0", port);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 8) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		while (read(fd, buffer, sizeof buffer) > 0)
			;
		close(fd);
	}
}

static int send_for(const char *address, const char *port, double duration)
{
	static char buffer[CHUNK];
	struct sockaddr_in to = at(address, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	double begin, sent = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	for (begin = now(); now() - begin < duration;) {
		ssize_t taken = write(fd, buffer, sizeof buffer);

		if (taken < 0)
			die("write");
		sent += (double)taken;
	}
	shutdown(fd, SHUT_WR);
	while (read(fd, buffer, sizeof buffer) > 0)
		;
	printf("%.1f\n", sent / 1e3 / (now() - begin));
	return 0;
}

/* A query for the address of a name, whose first two bytes are its id. */
static size_t write_query(uint8_t *out, const char *name)
{
	size_t size = DNS_HEADER, length;

	memset(out, 0, DNS_HEADER);
	out[2] = 1; /* recursion desired */
	out[5] = 1; /* one question */
	for (const char *label = name; *label; label += length + (label[length] == '.')) {
		length = strcspn(label, ".");
		out[size++] = (uint8_t)length;
		memcpy(out + size, label, length);
		size += length;
	}
	memcpy(out + size, "\0\0\1\0\1", 5);
	return size + 5;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static int ask(const char *address, const char *name, long count, long window)
{
	static double began[ID_COUNT];
	uint8_t query[512], answer[4096];
	struct sockaddr_in to = at(address, "53");
	struct timeval patience = { .tv_sec = 5 };
	double *times = calloc((size_t)count, sizeof *times), begin = now();
	size_t size = write_query(query, name);
	long asked = 0, answered = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_port = htons(DNS_PORT);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (!times || count > ID_COUNT || window > MAX_WINDOW || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	while (answered < count) {
		for (; asked < count && asked - answered < window; asked++) {
			query[0] = (uint8_t)(asked >> 8);
			query[1] = (uint8_t)asked;
			began[asked] = now();
			if (send(fd, query, size, 0) < 0)
				die("send");
		}
		ssize_t got = recv(fd, answer, sizeof answer, 0);

		if (got < DNS_HEADER)
			die("no answer");
		if ((answer[3] & 0xf) != 0 || answer[7] == 0) {
			fprintf(stderr, "traffic: not an answer\n");
			return 1;
		}
		times[answered++] = now() - began[answer[0] << 8 | answer[1]];
	}
	double took = now() - begin;

	qsort(times, (size_t)count, sizeof *times, compare);
	printf("%.0f %.3f\n", (double)count / took * 1e3, times[count * 99 / 100]);
	return 0;
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(MOST_SECONDS);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_for(argv[2], argv[3], atof(argv[4]));
	if (argc == 6 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3], atol(argv[4]), atol(argv[5]));
	fprintf(stderr, "usage: traffic serve PORT | send ADDRESS PORT MILLISECONDS | ask ADDRESS NAME COUNT WINDOW\n");
	return 2;
}
