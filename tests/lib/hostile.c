/* A hostile process in a container, for the tests of exec: as fast as it can it looks at every process that it
 * sees and that has not executed its program yet (its name is none of those that are given), reads its
 * descriptors, tries to trace it, and to write to its executable. What it has got hold of it prints, a line a
 * finding; at SIGTERM how many such processes it has seen.
 *
 * hostile HOSTFILE NAME... HOSTFILE: a path that only the host has; NAME: of processes to pass over. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static const char *host_file;
static char **names;
static int n_names;

static void end(int number)
{
	(void)number;
	ended = 1;
}

/* Whether the process is still none that has executed its program. */
static int is_young(const char *pid, char comm[32])
{
	char path[320];
	ssize_t n;
	int fd, i;

	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, comm, 31);
	close(fd);
	if (n <= 1)
		return 0;
	comm[n - 1] = '\0';
	for (i = 0; i < n_names; i++)
		if (!strcmp(names[i], comm))
			return 0;
	return 1;
}

static void found(const char *pid, const char *what, const char *detail)
{
	char comm[32];

	if (!is_young(pid, comm))
		return; /* it has executed its program meanwhile: that is the container's own */
	printf("%s of %s (%s): %s\n", what, pid, comm, detail);
	fflush(stdout);
}

static void look_at_descriptors(const char *pid)
{
	char path[560], link[256];
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) < 3)
			continue;
		snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, entry->d_name);
		n = readlink(path, link, sizeof link - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		/* its socket to the caller; what it opens of the container itself */
		if (strncmp(link, "socket:", 7) && strcmp(link, "/") &&
		    strncmp(link, "/etc/", 5) && strncmp(link, "/dev/p", 6))
			found(pid, "descriptor", link);
	}
	if (dir)
		closedir(dir);
}

static void look_at_places(const char *pid)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof path, "/proc/%s/root%s", pid, host_file);
	if (stat(path, &st) == 0)
		found(pid, "root", path);
	snprintf(path, sizeof path, "/proc/%s/cwd%s", pid, host_file);
	if (stat(path, &st) == 0)
		found(pid, "working directory", path);
}

static void write_to_executable(const char *pid)
{
	char path[320], again[64], link[256];
	int fd, out, i;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%s/exe", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	n = readlink(again, link, sizeof link - 1);
	/* it has executed its program meanwhile: that is the container's own */
	for (i = 0; n >= 5 && memcmp(link, "/bin/", 5) != 0 && i < 20; i++) {
		out = open(again, O_WRONLY);
		if (out < 0)
			continue;
		if (write(out, "overwritten", 11) == 11)
			printf("executable of %s was written to\n", pid);
		close(out);
	}
	close(fd);
	fflush(stdout);
}

static void trace(const char *pid)
{
	int number = atoi(pid), status;

	if (ptrace(PTRACE_SEIZE, number, 0, 0) < 0)
		return;
	found(pid, "tracing", "PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, number, 0, 0) == 0 &&
	    waitpid(number, &status, __WALL) == number)
		ptrace(PTRACE_DETACH, number, 0, 0);
}

int main(int argc, char *argv[])
{
	int can_trace = argc > 2 && !strcmp(argv[2], "--may-trace");
	unsigned long seen = 0;
	struct dirent *entry;
	char comm[32];
	DIR *dir;

	host_file = argv[1];
	names = argv + 2;
	n_names = argc - 2;
	signal(SIGTERM, end);
	printf("up\n");
	fflush(stdout);
	while (!ended) {
		dir = opendir("/proc");
		while (dir && (entry = readdir(dir))) {
			if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
			    atoi(entry->d_name) == getpid() || !is_young(entry->d_name, comm))
				continue;
			seen++;
			look_at_descriptors(entry->d_name);
			look_at_places(entry->d_name);
			if (!can_trace)
				trace(entry->d_name);
			write_to_executable(entry->d_name);
		}
		if (dir)
			closedir(dir);
	}
	printf("seen %lu\n", seen);
	return 0;
}
