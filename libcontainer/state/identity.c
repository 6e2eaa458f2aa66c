/* Who a process is. Its number alone says nothing once it was reaped; the pidfs id (Linux 6.14) is unique
 * until reboot, and on older kernels the start time tells a later process of the same number apart. A
 * pidfd is opened first and the identity checked through it, so that what is checked is what is held.
 * Numbers are those of one pid namespace, in which they were written down (pid_namespaces(7)): from within
 * another, such as the container's own, a living process would look like one that is gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "state/state.h"

/* The caller's own pid namespace; "self" is a link that leads nowhere in a procfs from which the caller can't be
 * seen (proc(5)). Returns 0 or -errno. */
static int own_pid_namespace(int proc, uint64_t *ret_inode)
{
	struct stat st;

	if (fstatat(proc, "self/ns/pid", &st, 0) < 0)
		return -errno;
	*ret_inode = st.st_ino;
	return 0;
}

/* Whether the numbers of the procfs @proc are those that the caller counts with. 1, 0 or -errno. */
static int is_own_procfs(int proc)
{
	char link[16], own[16];
	ssize_t n = readlinkat(proc, "self", link, sizeof link - 1);

	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	link[n] = '\0';
	snprintf(own, sizeof own, "%d", (int)getpid());
	return strcmp(link, own) == 0;
}

/* Whether the number of @identity counts in another pid namespace than the caller's. 1, 0 or -errno. */
static int is_foreign(const struct state_identity *identity, int proc)
{
	uint64_t own;
	int r;

	if (identity->pid <= 0 || identity->pid_ns == 0)
		return 0;
	r = own_pid_namespace(proc, &own);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	return own != identity->pid_ns;
}

int state_check_reachable(const struct state_record *record, int proc, struct error *err)
{
	int r;

	r = is_foreign(&record->holder, proc);
	if (r == 0)
		r = is_foreign(&record->init, proc);
	if (r < 0)
		return error_errno(err, -r, "find out the pid namespace");
	if (r > 0)
		return error_set(err, EXDEV,
				 "container %s was recorded in another pid namespace: its "
				 "processes cannot be told from here",
				 record->id);
	return 0;
}

int state_identify(pid_t pid, int pidfd, int proc, struct state_identity *ret_identity,
		   struct error *err)
{
	int r;

	r = is_own_procfs(proc);
	if (r == 0)
		return error_set(err, EXDEV,
				 "/proc is that of another pid namespace: mount one of this "
				 "namespace there");
	if (r > 0)
		r = own_pid_namespace(proc, &ret_identity->pid_ns);
	if (r < 0)
		return error_errno(err, -r, "find out the pid namespace");
	return state_identify_further(pid, pidfd, proc, ret_identity, err);
}

int state_identify_further(pid_t pid, int pidfd, int proc, struct state_identity *further,
			   struct error *err)
{
	struct state_identity identity = { .pid = pid, .pid_ns = further->pid_ns };
	int r;

	r = process_start_time(proc, pid, &identity.start_time, NULL);
	if (r < 0)
		return error_errno(err, -r, "read the start time of process %d", (int)pid);
	r = process_pidfs_id(pidfd, &identity.pidfs_id);
	if (r < 0 && r != -EOPNOTSUPP)
		return error_errno(err, -r, "read the pidfs id of process %d", (int)pid);
	identity.has_pidfs_id = r == 0;
	*further = identity;
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

int state_open_ended(const struct state_identity *identity, int proc)
{
	_cleanup_fd_ int pidfd = -1;
	int r;

	if (identity->pid <= 0)
		return -ESRCH;
	r = is_foreign(identity, proc);
	if (r != 0)
		return r < 0 ? r : -EXDEV;
	pidfd = process_pidfd_open(identity->pid);
	if (pidfd == -EINVAL) /* the number now belongs to a thread */
		return -ESRCH;
	if (pidfd < 0)
		return pidfd;
	r = is_same(identity, pidfd, proc);
	if (r < 0)
		return r;
	return r == 0 ? -ESRCH : steal_fd(&pidfd);
}

int state_open_process(const struct state_identity *identity, int proc)
{
	_cleanup_fd_ int pidfd = state_open_ended(identity, proc);

	if (pidfd < 0)
		return pidfd;
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
