/*
 * The kernel's own floor for one isolated container on this machine: what no engine can go below. It makes the cgroups of every
 * mounted hierarchy, clones into new pid, mount, uts, ipc, network and cgroup namespaces, joins the cgroups, mounts an overlay
 * root with /proc, /dev and /sys, pivots into it, executes a static program that only exits, waits, and removes the cgroups.
 *
 * usage: floor ROUNDS DIR    DIR/lower holds the program `true`; prints the microseconds of each round, one a line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_HIERARCHIES 24

static char *hierarchies[MAX_HIERARCHIES];
static int hierarchy_count;

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void find_hierarchies(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[4096], path[256], type[64];

	if (!mounts)
		die("/proc/self/mounts");
	while (fgets(line, sizeof line, mounts)) {
		if (sscanf(line, "%*s %255s %63s", path, type) != 2 || strncmp(type, "cgroup", 6) != 0)
			continue;
		if (hierarchy_count < MAX_HIERARCHIES)
			hierarchies[hierarchy_count++] = strdup(path);
	}
	fclose(mounts);
}

static int write_file(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t written = write(fd, text, length);
	close(fd);
	return written == (ssize_t)length ? 0 : -1;
}

/* A cpuset of version 1 takes no process before it has processors and memory nodes. */
static void fill_cpuset(const char *parent, const char *name, const char *file)
{
	char path[512], value[256];

	snprintf(path, sizeof path, "%s/%s", parent, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t length = read(fd, value, sizeof value);
	close(fd);
	snprintf(path, sizeof path, "%s/%s/%s", parent, name, file);
	if (length > 0 && write_file(path, value, (size_t)length) < 0)
		die(path);
}

static void make_cgroups(const char *name)
{
	char path[512];

	for (int i = 0; i < hierarchy_count; i++) {
		snprintf(path, sizeof path, "%s/%s", hierarchies[i], name);
		if (mkdir(path, 0755) < 0)
			die(path);
		fill_cpuset(hierarchies[i], name, "cpuset.cpus");
		fill_cpuset(hierarchies[i], name, "cpuset.mems");
	}
}

static void join_cgroups(const char *name)
{
	char path[512];

	for (int i = 0; i < hierarchy_count; i++) {
		snprintf(path, sizeof path, "%s/%s/tasks", hierarchies[i], name);
		if (write_file(path, "0", 1) == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s/cgroup.procs", hierarchies[i], name);
		if (write_file(path, "0", 1) < 0)
			die(path);
	}
}

static void remove_cgroups(const char *name)
{
	char path[512];

	for (int i = 0; i < hierarchy_count; i++) {
		snprintf(path, sizeof path, "%s/%s", hierarchies[i], name);
		if (rmdir(path) < 0)
			die(path);
	}
}

static void container(const char *dir, const char *cgroup)
{
	char options[1024], root[512];

	join_cgroups(cgroup);
	if (unshare(CLONE_NEWCGROUP) < 0)
		die("unshare the cgroup namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("make mounts private");
	snprintf(root, sizeof root, "%s/merged", dir);
	snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
	if (mount("overlay", root, "overlay", 0, options) < 0)
		die("mount overlay");
	if (chdir(root) < 0)
		die(root);
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("mount proc");
	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755") < 0)
		die("mount dev");
	if (mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) < 0)
		die("mount sys");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		die("pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("leave the old root");
	execl("/true", "true", (char *)NULL);
	die("execute /true");
}

static void round_trip(const char *dir, const char *cgroup)
{
	struct clone_args arguments = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	int status;

	make_cgroups(cgroup);
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		container(dir, cgroup);
	if (waitpid(pid, &status, 0) < 0 || status != 0) {
		remove_cgroups(cgroup);
		errno = ECHILD;
		die("the container failed");
	}
	remove_cgroups(cgroup);
}

int main(int argc, char **argv)
{
	static const char *const folders[] = { "upper", "work", "merged", "lower/proc", "lower/dev", "lower/sys" };
	char path[512], cgroup[64];

	if (argc != 3)
		return fprintf(stderr, "usage: floor ROUNDS DIR\n"), 2;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", argv[2], folders[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			die(path);
	}
	find_hierarchies();
	snprintf(cgroup, sizeof cgroup, "caisson-floor-%d", (int)getpid());
	for (int rounds = atoi(argv[1]); rounds > 0; rounds--) {
		struct timespec start, end;
		clock_gettime(CLOCK_MONOTONIC, &start);
		round_trip(argv[2], cgroup);
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("%ld\n", (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000);
	}
	return 0;
}
