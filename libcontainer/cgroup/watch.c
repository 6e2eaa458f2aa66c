/* Waiting for what happens in a cgroup: that its last process ends, and that the kernel kills one for lack of
 * memory. Kernel fact: both files wake a poll(2) for POLLPRI, and count what was changed since they were last
 * read through that same open file; after the cgroup is removed, reading gives ENODEV. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"

void cgroup_watch_close(struct cgroup_watch *watch)
{
	cleanup_fd(&watch->events);
	cleanup_fd(&watch->memory_events);
}

int cgroup_watch_open(const char *path, struct cgroup_watch *ret_watch, struct error *err)
{
	_cleanup_fd_ int dir = cgroup_open(AT_FDCWD, path);

	*ret_watch = CGROUP_WATCH_INIT;
	if (dir == -ENOENT || dir == -ENODEV)
		return error_set(err, ESRCH, "cgroup %s is gone", path);
	if (dir < 0)
		return error_errno(err, -dir, "open cgroup %s", path);
	ret_watch->events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	/* every cgroup has it but the root; one that was removed meanwhile has no files */
	if (ret_watch->events < 0 && (errno == ENOENT || errno == ENODEV))
		return error_set(err, ESRCH, "cgroup %s is gone", path);
	if (ret_watch->events < 0)
		return error_errno(err, errno, "open %s/cgroup.events", path);
	ret_watch->memory_events = openat(dir, "memory.events", O_RDONLY | O_CLOEXEC);
	if (ret_watch->memory_events < 0 && errno != ENOENT && errno != ENODEV) {
		error_errno(err, errno, "open %s/memory.events", path);
		cgroup_watch_close(ret_watch);
		return -err->code;
	}
	return 0;
}

/* A number of a flat keyed file. Returns 0, or -errno. */
static int number(int fd, const char *key, uint64_t *ret_number)
{
	char text[512];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	*ret_number = 0;
	if (n < 0)
		return -errno;
	text[n] = '\0';
	cgroup_flat_keyed(text, key, ret_number);
	return 0;
}

int cgroup_watch_read(const struct cgroup_watch *watch, bool *ret_populated,
		      uint64_t *ret_kills, struct error *err)
{
	uint64_t populated;
	int r;

	*ret_kills = 0;
	*ret_populated = false;
	r = number(watch->events, "populated", &populated);
	if (r >= 0 && watch->memory_events >= 0)
		r = number(watch->memory_events, "oom_kill", ret_kills);
	if (r == -ENODEV || r == -ENOENT)
		return error_set(err, ESRCH, "the cgroup is gone");
	if (r < 0)
		return error_errno(err, -r, "read the events of the cgroup");
	*ret_populated = populated != 0;
	return 0;
}

int cgroup_watch_wait(const struct cgroup_watch *watch, int timeout_ms, struct error *err)
{
	struct pollfd wait[] = {
		{ .fd = watch->events, .events = POLLPRI },
		{ .fd = watch->memory_events, .events = POLLPRI },
	};
	int r = poll(wait, ELEMENTS_OF(wait), timeout_ms);

	if (r < 0 && errno != EINTR)
		return error_errno(err, errno, "poll the events of the cgroup");
	return r > 0;
}
