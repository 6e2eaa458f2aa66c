/* The end of a cgroup: cgroup.kill (Linux 5.14) ends everything below it at once, forks included and
 * frozen or not; cgroup.events says by POLLPRI when it is empty; then the directories go, deepest first.
 * A container can have made cgroups of any depth in its own, so the way down is walked with one
 * descriptor and back up by "..", not by recursion. Nothing here sleeps: what is waited for is an
 * event. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/device_filter.h"
#include "cgroup/file.h"
#include "kernel/process.h"

#define DEADLINE_MS \
	10000 /* for processes that are killed but do not end (uninterruptible sleep) */

#define ROOT_INO 1

/* A cgroup that is gone: its directory is not there, or it was removed while open. */
static bool is_gone(int code)
{
	return code == -ENOENT || code == -ENODEV;
}

/* The hierarchy's own root, which kernfs numbers 1, is no container's, whatever a record says: everything on the
 * machine is below it. */
static int open_path(const char *path, struct error *err)
{
	_cleanup_fd_ int fd = cgroup_open(AT_FDCWD, path);
	struct stat st;

	if (fd < 0 && !is_gone(fd))
		return error_errno(err, -fd, "open cgroup %s", path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "examine cgroup %s", path);
	if (st.st_ino == ROOT_INO)
		return error_set(err, EINVAL,
				 "%s is the root of the hierarchy, and no container's cgroup",
				 path);
	return steal_fd(&fd);
}

/* Kills all and waits until the cgroup is empty. Returns 0 also when it is gone. */
static int empty(int dir, int64_t deadline, struct error *err)
{
	_cleanup_fd_ int events = -1;
	uint64_t populated;
	bool killed = false;
	int r;

	events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return is_gone(-errno) ? 0 : error_errno(err, errno, "open cgroup.events");
	for (;;) {
		struct pollfd wait = { .fd = events, .events = POLLPRI };
		char text[256];
		ssize_t n = pread(events, text, sizeof text - 1, 0);

		if (n < 0)
			return is_gone(-errno) ? 0
					       : error_errno(err, errno, "read cgroup.events");
		text[n] = '\0';
		if (cgroup_flat_keyed(text, "populated", &populated) < 0 || !populated)
			return 0;
		if (!killed) {
			r = fd_write_file(dir, "cgroup.kill", "1", err);
			if (is_gone(r)) {
				error_ignore(err,
					     "whoever else removes empty cgroups was faster");
				return 0;
			}
			if (r < 0)
				return r;
			killed = true;
		}
		if (now_ms() >= deadline)
			return error_set(err, ETIMEDOUT,
					 "killed processes do not end: %zd left",
					 cgroup_each_process(dir, NULL, NULL));
		r = poll(&wait, 1, (int)(deadline - now_ms()) + 1);
		if (r < 0 && errno != EINTR)
			return error_errno(err, errno, "poll cgroup.events");
	}
}

/* Removes the cgroups right below @dir.
 * @ret_child: the first that could not be removed because it has cgroups of its own or processes, else
 * -1.
 * Returns how many it removed. */
static int remove_children(int dir, int *ret_child, struct error *err)
{
	_cleanup_dir_ DIR *list = NULL;
	struct dirent *entry;
	int fd, removed = 0;

	*ret_child = -1;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return is_gone(-errno) ? 0 : error_errno(err, errno, "open a cgroup");
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return error_oom(err);
	}
	while ((entry = readdir(list))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (unlinkat(dir, entry->d_name, AT_REMOVEDIR) == 0 || is_gone(-errno)) {
			removed++;
			continue;
		}
		if (errno != EBUSY)
			return error_errno(err, errno, "remove cgroup %s", entry->d_name);
		fd = cgroup_open(dir, entry->d_name);
		if (is_gone(fd))
			continue;
		if (fd < 0)
			return error_errno(err, -fd, "open cgroup %s", entry->d_name);
		*ret_child = fd;
		break;
	}
	return removed;
}

/* Waits until cgroup.events changes, or 100 ms for what changes without an event. */
static void wait_event(int dir)
{
	char text[256];
	_cleanup_fd_ int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd wait = { .fd = fd, .events = POLLPRI };

	if (fd >= 0 && pread(fd, text, sizeof text, 0) > 0)
		poll(&wait, 1, 100);
}

/* Removes everything below @top, which is empty of processes. */
static int remove_below(int top, int64_t deadline, struct error *err)
{
	_cleanup_fd_ int dir = -1;
	unsigned depth = 0, idle = 0;
	int child, r;

	dir = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_errno(err, errno, "open a cgroup");
	for (;;) {
		r = remove_children(dir, &child, err);
		if (r < 0)
			return r;
		if (child < 0 && depth == 0)
			return 0;
		idle = r > 0 ? 0 : idle + (child < 0);
		if (idle > 1)
			wait_event(dir);
		if (child < 0) {
			/* somebody may have moved in after the killing */
			r = empty(dir, deadline, err);
			if (r < 0)
				return r;
			child = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (child < 0)
				return error_errno(err, errno, "open the cgroup above");
			depth--;
		} else {
			depth++;
		}
		close(dir);
		dir = child;
		if (now_ms() >= deadline)
			return error_set(err, ETIMEDOUT, "the cgroups below stay busy");
	}
}

int cgroup_kill_all(const char *path, struct error *err)
{
	_cleanup_fd_ int dir = -1;
	int r;

	if (!path)
		return 0;
	dir = open_path(path, err);
	if (dir < 0)
		return is_gone(dir) ? 0 : dir;
	r = empty(dir, now_ms() + DEADLINE_MS, err);
	return r < 0 ? error_at(err, "empty cgroup %s", path) : 0;
}

int cgroup_destroy(const char *path, bool remove, struct error *err)
{
	_cleanup_fd_ int dir = -1;
	int64_t deadline;
	int r;

	if (!path)
		return 0;
	/* most are empty by now; one with a process or a cgroup in it is EBUSY */
	if (remove && (rmdir(path) == 0 || is_gone(-errno)))
		return 0;
	dir = open_path(path, err);
	if (dir < 0)
		return is_gone(dir) ? 0 : dir;
	deadline = now_ms() + DEADLINE_MS;
	for (;;) {
		r = empty(dir, deadline, err);
		if (r >= 0)
			r = remove_below(dir, deadline, err);
		if (r < 0)
			return error_at(err, "remove cgroup %s", path);
		if (!remove) {
			if (device_filter_detach(dir, err) < 0)
				error_ignore(err, "it was not ours to attach either");
			return 0;
		}
		if (rmdir(path) == 0 || is_gone(-errno))
			return 0;
		if (errno != EBUSY || now_ms() >= deadline)
			return error_errno(err, errno, "remove cgroup %s", path);
		wait_event(dir);
	}
}

void cgroup_remove_above(const char *path, unsigned count)
{
	_cleanup_free_ char *above = path ? strdup(path) : NULL;
	char *slash;

	for (; above && count > 0; count--) {
		slash = strrchr(above, '/');
		if (!slash || slash == above)
			return;
		*slash = '\0';
		if (rmdir(above) < 0 && !is_gone(-errno)) {
			trace_debug("cgroup %s stays: %s", above, error_errno_text(errno));
			return;
		}
	}
}

unsigned cgroup_count_missing(const char *path)
{
	_cleanup_free_ char *above = strdup(path);
	unsigned count = 0;
	char *slash;

	while (above && above[0] && access(above, F_OK) < 0 && errno == ENOENT) {
		count++;
		slash = strrchr(above, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return count;
}

static void signal_process(void *data, pid_t pid)
{
	const int *signal = data;
	_cleanup_fd_ int pidfd = process_pidfd_open(pid);
	int r = pidfd < 0 ? pidfd : process_pidfd_signal(pidfd, *signal);

	if (r < 0 && r != -ESRCH)
		trace_warning("signal %d to process %d: %s", *signal, (int)pid,
			      error_errno_text(-r));
}

static int gone(const char *path, struct error *err)
{
	return error_set(err, ESRCH, "cgroup %s is gone", path);
}

int cgroup_signal(const char *path, int signal, struct error *err)
{
	_cleanup_fd_ int dir = -1;
	ssize_t n;
	int r;

	if (!path)
		return error_set(err, ESRCH, "the container has no cgroup of its own");
	dir = open_path(path, err);
	if (is_gone(dir))
		return gone(path, err);
	if (dir < 0)
		return dir;
	if (signal == SIGKILL) {
		r = fd_write_file(dir, "cgroup.kill", "1", err);
		if (is_gone(r))
			return gone(path, err);
		return r < 0 ? error_at(err, "kill the processes of cgroup %s", path) : 0;
	}
	n = cgroup_each_process(dir, signal_process, &signal);
	if (is_gone((int)n))
		return gone(path, err);
	if (n < 0)
		return error_errno(err, (int)-n, "list the processes of cgroup %s", path);
	return 0;
}

int cgroup_processes(const char *path, void (*each)(void *data, pid_t pid), void *data,
		     struct error *err)
{
	_cleanup_fd_ int dir = open_path(path, err);
	ssize_t n;

	if (dir < 0)
		return is_gone(dir) ? 0 : dir;
	n = cgroup_each_process(dir, each, data);
	if (n < 0 && !is_gone((int)n))
		return error_errno(err, (int)-n, "list the processes of cgroup %s", path);
	return 0;
}

/* A key of cgroup.events; 0 when the cgroup is gone. */
static int event(const char *path, const char *key, struct error *err)
{
	char file[PATH_MAX], text[256];
	uint64_t value = 0;
	ssize_t n;

	if (!path)
		return 0;
	if ((size_t)snprintf(file, sizeof file, "%s/cgroup.events", path) >= sizeof file)
		return error_errno(err, ENAMETOOLONG, "read %s/cgroup.events", path);
	/* the hierarchy's own root has no such file */
	n = cgroup_file_read(AT_FDCWD, file, text, sizeof text);
	if (n < 0)
		return is_gone((int)n)
			       ? 0
			       : error_errno(err, (int)-n, "read %s/cgroup.events", path);
	return cgroup_flat_keyed(text, key, &value) == 0 && value;
}

int cgroup_populated(const char *path, struct error *err)
{
	return event(path, "populated", err);
}

int cgroup_frozen(const char *path, struct error *err)
{
	return event(path, "frozen", err);
}
