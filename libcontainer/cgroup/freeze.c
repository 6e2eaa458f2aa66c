/* Freezing and thawing a cgroup with all below it. Writing cgroup.freeze only asks for it: the kernel stops
 * each process when it next would return to user space, and says in cgroup.events (by POLLPRI) when the last
 * has stopped; until then the container still runs. A process in an uninterruptible sleep can keep it from
 * that for as long as it likes, hence the limit of time. Kernel facts: cgroup.events says "frozen" when the cgroup's
 * own processes have stopped, whether or not those below it have (seen on Linux 6.18), and also when a cgroup
 * above is frozen; frozen processes can be killed (cgroup-v2.rst, cgroup.freeze). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"

static int gone(const char *path, struct error *err)
{
	return error_set(err, ESRCH, "container not running (cgroup %s is gone)", path);
}

/* What is being waited for. */
struct freezing {
	bool frozen;
	int64_t deadline;
	bool waited; /* for some cgroup of this walk */
	struct error *err;
};

/* Waits until the cgroup.events of @dir says so. */
static int wait_one(void *data, int dir)
{
	struct freezing *freezing = data;
	_cleanup_fd_ int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[256];
	int64_t left;
	ssize_t n;

	error_ignore(freezing->err, "the cgroup looked at before this one has vanished");
	if (events < 0)
		return error_errno(freezing->err, errno, "open cgroup.events");
	for (;;) {
		struct pollfd wait = { .fd = events, .events = POLLPRI };
		uint64_t value = 0;

		n = pread(events, text, sizeof text - 1, 0);
		if (n < 0)
			return error_errno(freezing->err, errno, "read cgroup.events");
		text[n] = '\0';
		if (cgroup_flat_keyed(text, "frozen", &value) < 0)
			return error_set(freezing->err, ENOTSUP,
					 "cgroup.events does not tell of frozen");
		if ((value != 0) == freezing->frozen)
			return 0;
		left = freezing->deadline - now_ms();
		if (left <= 0)
			return error_set(freezing->err, ETIMEDOUT,
					 "the kernel does not say that it is done");
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			return error_errno(freezing->err, errno, "poll cgroup.events");
		freezing->waited = true;
	}
}

/* Of a frozen tree every cgroup must say so: while one was waited for it may have made others. A thawed one may
 * keep frozen what it froze itself. */
static int wait_all(int dir, struct freezing *freezing)
{
	int r;

	if (!freezing->frozen)
		return wait_one(freezing, dir);
	do {
		freezing->waited = false;
		r = cgroup_each(dir, wait_one, freezing);
		if (r < 0 && freezing->err->code == 0)
			return error_errno(freezing->err, -r, "look at the cgroups below");
	} while (r >= 0 && freezing->waited);
	return r;
}

static int change(int dir, bool frozen, int timeout_ms, struct error *err)
{
	struct freezing freezing = { .frozen = frozen, .err = err };
	struct error unused = ERROR_INIT;
	int r;

	r = fd_write_file(dir, "cgroup.freeze", frozen ? "1" : "0", err);
	if (r < 0)
		return r;
	freezing.deadline = now_ms() + timeout_ms;
	r = wait_all(dir, &freezing);
	if (r >= 0) {
		error_ignore(err, "a cgroup below that vanished meanwhile is no loss");
		return 0;
	}
	if (r == -ETIMEDOUT && !frozen)
		return error_hint(err, " (is a cgroup above it frozen?)");
	if (r == -ETIMEDOUT)
		error_hint(err, " (a process does not leave the kernel)");
	if (frozen && fd_write_file(dir, "cgroup.freeze", "0", &unused) < 0)
		error_hint(err, "; and it could not be thawed again: %s", unused.text);
	return r;
}

int cgroup_freeze(const char *path, bool frozen, int timeout_ms, struct error *err)
{
	_cleanup_fd_ int dir = cgroup_open(AT_FDCWD, path);
	int r;

	if (dir == -ENOENT || dir == -ENODEV)
		return gone(path, err);
	if (dir < 0)
		return error_errno(err, -dir, "open cgroup %s", path);
	r = change(dir, frozen, timeout_ms, err);
	if (r == -ENODEV || r == -ENOENT)
		return gone(path, err);
	return r < 0 ? error_at(err, "%s cgroup %s", frozen ? "freeze" : "thaw", path) : 0;
}
