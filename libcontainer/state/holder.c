/* Who holds a container's lock, as the kernel knows it. /proc/locks names the process that has taken the lock by its
 * number, which may be another's by now, if only a child of it holds the lock still; that a process does hold it
 * shows /proc/PID/fdinfo, where the lock stands with the open file that it belongs to (proc(5)). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "state/state.h"
#include "state/store.h"

#define LINE_MAX_BYTES 256

/* Whether a line, of either file, is the exclusive flock(2) of @st; one that is still waited for has an arrow. */
static bool is_lock(const char *line, const struct stat *st, pid_t *ret_pid)
{
	unsigned long long inode;
	unsigned first, second;
	int pid;

	if (strncmp(line, "lock:", 5) == 0)
		line += 5;
	if (sscanf(line, "%*s FLOCK ADVISORY WRITE %d %x:%x:%llu", &pid, &first, &second,
		   &inode) != 4)
		return false;
	*ret_pid = pid;
	return first == major(st->st_dev) && second == minor(st->st_dev) && inode == st->st_ino;
}

/* Looks for the lock in a file. Returns whether it is there. */
static bool find_lock(int dir, const char *path, const struct stat *st, pid_t *ret_pid)
{
	_cleanup_file_ FILE *file = NULL;
	char line[LINE_MAX_BYTES];
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (fgets(line, sizeof line, file))
		if (is_lock(line, st, ret_pid))
			return true;
	return false;
}

/* Whether one of the process's open files has the lock. */
static bool holds(int proc, pid_t pid, const struct stat *st)
{
	_cleanup_dir_ DIR *list = NULL;
	struct dirent *entry;
	char path[32];
	pid_t taker;
	int fd;

	snprintf(path, sizeof path, "%d/fdinfo", (int)pid);
	fd = procfs_openat(proc, path, O_RDONLY | O_DIRECTORY);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(list)))
		if (entry->d_name[0] != '.' &&
		    find_lock(dirfd(list), entry->d_name, st, &taker))
			return true;
	return false;
}

int state_open_holder(const struct state_dir *dir, int proc, pid_t *ret_pid)
{
	_cleanup_fd_ int pidfd = -1;
	struct stat st;

	if (fstat(dir->fd, &st) < 0)
		return -errno;
	if (!find_lock(proc, "locks", &st, ret_pid) || *ret_pid <= 0)
		return -ESRCH;
	/* first, so that it is this very process that is looked at */
	pidfd = process_pidfd_open(*ret_pid);
	if (pidfd < 0)
		return pidfd;
	return holds(proc, *ret_pid, &st) ? steal_fd(&pidfd) : -ESRCH;
}

int state_hint_holder(const struct state_dir *dir, int proc, struct error *err)
{
	_cleanup_fd_ int file = -1;
	char path[32], words[160];
	struct stat st;
	pid_t pid = 0;
	ssize_t n, i;

	if (fstat(dir->fd, &st) < 0 || !find_lock(proc, "locks", &st, &pid) || pid <= 0)
		return -err->code;
	snprintf(path, sizeof path, "%d/cmdline", (int)pid);
	file = procfs_openat(proc, path, O_RDONLY);
	n = file < 0 ? -1 : read(file, words, sizeof words - 1);
	if (n <= 0)
		return error_hint(err, " (process %d)", (int)pid);
	for (i = 0; i < n; i++)
		if ((unsigned char)words[i] < ' ')
			words[i] = words[i] == '\0' ? ' ' : '?';
	while (n > 0 && words[n - 1] == ' ')
		n--;
	return error_hint(err, " (process %d: %.*s)", (int)pid, (int)n, words);
}
