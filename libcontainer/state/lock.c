/* The container's lock: flock(2) on the open container's directory. The directory
 * may be removed and made again by others while one waits, so that after locking the name is asked once
 * more. Unlocking says so explicitly (LOCK_UN): a lock belongs to the open file, which a forked child
 * shares, and closing the parent's descriptor alone would leave it locked. */
#include <errno.h>
#include <sys/file.h>
#include <time.h>

#include "state/state.h"
#include "state/store.h"

/* How often the lock is tried when there is a limit of time. flock(2) itself knows none, and interrupting
 * it would need a signal handler, which a library has no business to install. */
#define TRY_EVERY_NS (2 * 1000 * 1000)

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int lock_within(int fd, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = TRY_EVERY_NS };
	long long end = 0;

	for (;;) {
		if (flock(fd, LOCK_EX | (timeout_ms < 0 ? 0 : LOCK_NB)) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || timeout_ms == 0)
			return -errno;
		if (end == 0)
			end = now_ns() + timeout_ms * 1000000LL;
		else if (now_ns() >= end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

int state_lock(const struct state_store *store, const char *id, struct state_dir *dir,
	       int timeout_ms, struct error *err)
{
	int r = lock_within(dir->fd, timeout_ms);

	/* whoever removes it holds the lock */
	if (r < 0 && !state_is_current(store, id, dir->fd))
		return error_set(err, ENOENT, "container does not exist");
	if (r == -EWOULDBLOCK || r == -ETIMEDOUT) {
		error_set(err, -r, "container %s is locked by another command", id);
		return state_hint_holder(dir, store->proc, err);
	}
	if (r < 0)
		return error_errno(err, -r, "lock the state of %s", id);
	dir->locked = true;
	if (state_is_current(store, id, dir->fd))
		return 0;
	state_unlock(dir);
	return error_set(err, ENOENT, "container does not exist");
}

void state_unlock(struct state_dir *dir)
{
	if (dir->locked)
		flock(dir->fd, LOCK_UN);
	dir->locked = false;
}
