/* What a container is doing at this moment. The record alone cannot say: init ends on its own, and goes from
 * created to running without anybody writing it down. So the record is read together with what the kernel
 * knows: whether the recorded processes live, and whether init still listens on the start socket. */
#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "state/state.h"
#include "state/store.h"

static const struct table_entry names[] = {
	{ "creating", STATE_CREATING }, { "created", STATE_CREATED },
	{ "running", STATE_RUNNING },	{ "paused", STATE_PAUSED },
	{ "stopped", STATE_STOPPED },
};

const char *state_status_name(enum state_status status)
{
	return table_name(names, ELEMENTS_OF(names), status);
}

int state_status_parse(const char *name, enum state_status *ret_status)
{
	const struct table_entry *entry = table_find(names, ELEMENTS_OF(names), name);

	if (!entry)
		return -EINVAL;
	*ret_status = (enum state_status)entry->value;
	return 0;
}

/* Whether somebody holds the lock. A shared lock is tried on an open file of our own and given up at once. */
bool state_is_locked(const struct state_dir *dir)
{
	_cleanup_fd_ int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

enum state_status state_status_now(const struct state_dir *dir,
				   const struct state_record *record, int proc)
{
	if (record->status == STATE_CREATING) {
		if (state_alive(&record->holder, proc))
			return STATE_CREATING;
		/* before the holder is written down only the lock tells */
		if (record->holder.pid == 0 && !dir->locked && state_is_locked(dir))
			return STATE_CREATING;
		return STATE_STOPPED;
	}
	if (!state_alive(&record->init, proc))
		return STATE_STOPPED;
	if (record->status == STATE_CREATED && state_start_waits(dir) != 0)
		return STATE_CREATED;
	/* Asked again: init may have ended in between, and closing the socket was part of its end. */
	if (record->status == STATE_CREATED && !state_alive(&record->init, proc))
		return STATE_STOPPED;
	return STATE_RUNNING;
}
