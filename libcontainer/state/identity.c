/* Who a process is. Its number alone says nothing once it was reaped; the pidfs id (Linux 6.14) is unique
 * until reboot, and on older kernels the start time tells a later process of the same number apart. A
 * pidfd is opened first and the identity checked through it, so that what is checked is what is held. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "state/state.h"

int state_identify(pid_t pid, int pidfd, int proc, struct state_identity *ret_identity,
		   struct error *err)
{
	struct state_identity identity = { .pid = pid };
	int r;

	r = process_start_time(proc, pid, &identity.start_time, NULL);
	if (r < 0)
		return error_errno(err, -r, "read the start time of process %d", (int)pid);
	r = process_pidfs_id(pidfd, &identity.pidfs_id);
	if (r < 0 && r != -EOPNOTSUPP)
		return error_errno(err, -r, "read the pidfs id of process %d", (int)pid);
	identity.has_pidfs_id = r == 0;
	*ret_identity = identity;
	return 0;
}

/* Whether the process behind @pidfd is the one that was recorded. 1, 0 or -errno. */
static int is_same(const struct state_identity *identity, int pidfd, int proc)
{
	uint64_t value;
	int r;

	if (identity->has_pidfs_id) {
		r = process_pidfs_id(pidfd, &value);
		if (r == 0)
			return value == identity->pidfs_id;
		if (r != -EOPNOTSUPP)
			return r;
	}
	r = process_start_time(proc, identity->pid, &value, NULL);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	return value == identity->start_time;
}

int state_open_process(const struct state_identity *identity, int proc)
{
	_cleanup_fd_ int pidfd = -1;
	int r;

	if (identity->pid <= 0)
		return -ESRCH;
	pidfd = process_pidfd_open(identity->pid);
	if (pidfd == -EINVAL) /* the number now belongs to a thread */
		return -ESRCH;
	if (pidfd < 0)
		return pidfd;
	r = is_same(identity, pidfd, proc);
	if (r < 0)
		return r;
	if (r == 0)
		return -ESRCH;
	/* A pidfd is readable when the last thread has ended; the state letter in /proc/PID/stat is the main
	 * thread's alone, and says Z also while others run. */
	if (process_wait_end(pidfd, 0) == 0)
		return -ESRCH;
	return steal_fd(&pidfd);
}

bool state_alive(const struct state_identity *identity, int proc)
{
	_cleanup_fd_ int pidfd = state_open_process(identity, proc);

	return pidfd != -ESRCH;
}
