/* Kernel facts. Who puts a process into a cgroup, by CLONE_INTO_CGROUP or by cgroup.procs, has to be allowed to write
 * the cgroup.procs of the nearest cgroup above both its old place and its new one (cgroup-v2.rst, "Delegation
 * Containment"), which a user may not from a login session, whose scope is the system manager's. And while Linux 6.18
 * forks into a cgroup, it compares how often the cgroup of the parent was killed by cgroup.kill with how often the
 * target was (cgroup_css_set_fork() notes the former, cgroup_post_fork() the latter), so that a child dies at birth
 * whenever the two differ. A child that stays in its parent's cgroup does not. */
#include "process/entry.h"

#include <errno.h>
#include <signal.h>

#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "kernel/process.h"
#include "process/channel.h"

enum entry_hold entry_failed(const struct entry *entry, int r, int pidfd, bool untouched)
{
	int status;

	if (entry->cgroup < 0)
		return ENTRY_BORN;
	if (r == -EACCES && entry->move) {
		trace_debug(
			"the caller may not put a process into the container's cgroup: it is "
			"cloned outside, and moved by the service manager");
		return ENTRY_MOVED_BY_OTHERS;
	}
	if (r < 0 || !untouched || !process_killed_at_birth(pidfd))
		return ENTRY_BORN;
	trace_debug("the kernel kills what is cloned into the container's cgroup, since "
		    "cgroup.kill was written here or there: the process is cloned outside, and "
		    "moved");
	if (process_wait(pidfd, &status) < 0)
		trace_debug("it was reaped by someone else");
	return ENTRY_MOVED;
}

int entry_move(const struct entry *entry, enum entry_hold hold, pid_t pid, int channel,
	       struct error *err)
{
	int r;

	if (hold == ENTRY_MOVED_BY_OTHERS)
		r = entry->move(entry->data, pid, err);
	else
		r = cgroup_move(entry->cgroup, pid, err);
	if (r < 0)
		return error_at(err, "move a process into the container's cgroup");
	r = channel_send(channel, CHANNEL_GO, 0, NULL, -1);
	/* one that is gone is seen by its end */
	return r < 0 && r != -EPIPE && r != -ECONNRESET
		       ? error_errno(err, -r, "send to the process that was moved")
		       : 0;
}

int entry_await(int channel, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r = channel_receive(channel, &message);

	if (r > 0 && message.type == CHANNEL_GO)
		return 0;
	return error_set(err, EPIPE, "the calling process is gone");
}
