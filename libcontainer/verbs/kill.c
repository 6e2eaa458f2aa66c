/* kill: a signal to a container. It goes through a pidfd that was checked against the recorded identity, so
 * that it can't hit a later process of the same number. Without a pid namespace of its own the end of init
 * ends nobody else: SIGKILL is then the business of the cgroup, whose cgroup.kill can't be outrun by
 * forking. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "kernel/process.h"
#include "verbs/observe.h"

static int not_running(struct error *err)
{
	return error_set(err, ESRCH, "container not running");
}

static int signal_init(struct verb_context *context, const struct state_record *record,
		       int signal, struct error *err)
{
	_cleanup_fd_ int pidfd = state_open_process(&record->init, context->proc);
	int r;

	if (pidfd == -ESRCH)
		return not_running(err);
	if (pidfd < 0)
		return error_errno(err, -pidfd, "open process %d", (int)record->init.pid);
	r = process_pidfd_signal(pidfd, signal);
	if (r == -ESRCH)
		return not_running(err);
	if (r < 0)
		return error_errno(err, -r, "send signal %d to process %d", signal,
				   (int)record->init.pid);
	return 0;
}

/* Init is gone. Others may still be there when the pid namespace was shared. */
static int signal_rest(const struct state_record *record, int signal, bool all,
		       struct error *err)
{
	int r = 0;

	if (record->cgroup && !record->private_pid_ns) {
		r = cgroup_populated(record->cgroup, err);
		if (r < 0)
			return r;
	}
	if (r > 0) {
		r = cgroup_signal(record->cgroup, signal, err);
		if (r != -ESRCH)
			return r;
		error_ignore(err, "they have ended, too");
	}
	return all ? 0 : not_running(err);
}

/* All processes of the cgroup. If that is gone, the container's init, if it is still there, is somewhere else. */
static int signal_all(struct verb_context *context, const struct state_record *record,
		      int signal, struct error *err)
{
	int r = cgroup_signal(record->cgroup, signal, err);

	if (r != -ESRCH)
		return r;
	error_ignore(err, "init says whether the container is gone as well");
	return signal_init(context, record, signal, err);
}

int verb_kill(struct verb_context *context, const char *id, int signal, bool all,
	      struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	const struct state_record *record;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = observe_life(context, &dir, id, &container, err);
	if (r < 0)
		return r;
	record = container.record;
	r = state_check_reachable(record, context->proc, err);
	if (r < 0)
		return r;
	if (container.status == STATE_STOPPED)
		return signal_rest(record, signal, all, err);
	if (record->cgroup && (all || (signal == SIGKILL && !record->private_pid_ns)))
		return signal_all(context, record, signal, err);
	if (all && !(signal == SIGKILL && record->private_pid_ns))
		trace_warning("container %s has no cgroup of its own: the signal goes to its "
			      "first process alone",
			      id);
	return signal_init(context, record, signal, err);
}
