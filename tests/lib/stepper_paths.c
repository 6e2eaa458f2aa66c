/* stepper: which path a system call of a traced process means. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stepper.h"

#define RESOLVE_IN_ROOT_FLAG 0x10

/* Copies a string out of the process; "" when there is none. */
static void read_string(pid_t pid, uint64_t address, char *text, size_t size)
{
	size_t done = 0, chunk;
	char *end;

	text[0] = '\0';
	while (address && done + 1 < size) {
		/* no further than the page: the next one may not be there */
		chunk = 4096 - (size_t)((address + done) % 4096);
		if (chunk > size - 1 - done)
			chunk = size - 1 - done;
		struct iovec local = { text + done, chunk };
		struct iovec remote = { (void *)(uintptr_t)(address + done), chunk };
		if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)chunk)
			break;
		end = memchr(text + done, '\0', chunk);
		if (end)
			return;
		done += chunk;
	}
	text[done] = '\0';
}

void link_of(pid_t pid, const char *what, char *text, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	n = readlink(path, text, size - 1);
	text[n < 0 ? 0 : n] = '\0';
}

/* /proc/self/fd/7/x, or fd/7/x from a descriptor of /proc: what the descriptor stands for. */
static void through_descriptor(pid_t pid, char *path, size_t size)
{
	char link[PATH_MAX], what[32], *at = strstr(path, "/fd/"), *end;
	char rest[PATH_MAX];
	long fd;

	if (strncmp(path, "/proc", 5) != 0 || !at)
		return;
	fd = strtol(at + 4, &end, 10);
	if (end == at + 4)
		return;
	snprintf(what, sizeof what, "fd/%ld", fd);
	link_of(pid, what, link, sizeof link);
	snprintf(rest, sizeof rest, "%s", end);
	if (snprintf(path, size, "%s%s", link, rest) >= (int)size)
		path[size - 1] = '\0';
}

/* Drops doubled slashes and single dots. */
static void tidy(char *path)
{
	char *to = path, *from = path;

	while (*from) {
		if (from[0] == '/' && from[1] == '/')
			from++;
		else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || !from[2]))
			from += 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static bool on_device(pid_t pid, const char *what)
{
	char path[64];
	struct stat st;
	int i;

	if (!options.n_devices)
		return false;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	if (stat(path, &st) < 0)
		return false;
	for (i = 0; i < options.n_devices; i++)
		if (st.st_dev == options.devices[i])
			return true;
	return false;
}

bool resolve(pid_t pid, const struct call *call, const uint64_t *args, int at, char *path,
	     size_t size)
{
	char string[PATH_MAX] = "", base[PATH_MAX] = "", what[32] = "cwd";
	int fd_at = call->at[at].fd, path_at = call->at[at].path, fd = AT_FDCWD, i;
	uint64_t how[3] = { 0 };
	struct iovec local = { how, sizeof how };
	struct iovec remote = { (void *)(uintptr_t)args[2], sizeof how };
	bool device;

	path[0] = '\0';
	if (fd_at == NONE)
		return false;
	if (fd_at != CWD)
		fd = (int)args[fd_at];
	if (fd != AT_FDCWD)
		snprintf(what, sizeof what, "fd/%d", fd);
	if (path_at != NONE)
		read_string(pid, args[path_at], string, sizeof string);
	if (call->number == __NR_openat2 &&
	    process_vm_readv(pid, &local, 1, &remote, 1, 0) > 0 &&
	    how[2] & RESOLVE_IN_ROOT_FLAG && string[0] == '/')
		memmove(string, string + 1, strlen(string));
	if (string[0] != '/')
		link_of(pid, what, base, sizeof base);
	if (snprintf(path, size, "%s%s%s", base, base[0] && string[0] ? "/" : "", string) >=
	    (int)size)
		path[size - 1] = '\0';
	through_descriptor(pid, path, size);
	tidy(path);
	device = string[0] != '/' && on_device(pid, what);
	for (i = 0; i < options.n_prefixes; i++)
		if (strncmp(path, options.prefixes[i], strlen(options.prefixes[i])) == 0)
			return true;
	return device || (!options.n_prefixes && !options.n_devices);
}
