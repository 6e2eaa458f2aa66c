/* Mounting into a container that runs. A mount can be attached only in the mount namespace of whoever attaches it,
 * and a file system shows the namespaces of whoever makes it, so a helper enters those of the container, but for
 * its pid namespace: nothing in the container can see it, trace it or reach its descriptors, whatever capabilities
 * the container has, and it never executes anything. Every path of the container's that it takes is resolved
 * below the container's root (rootfs/target.c); the host's procfs is the only one that it looks at. */
#include "process/mounting.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "kernel/uapi.h"
#include "process/channel.h"
#include "process/spawn.h"
#include "process/stages.h"

#define NOT_ENTERED (CLONE_NEWPID | TARE_CLONE_NEWTIME)

/* Whoever makes directories in a user namespace has to be somebody there. */
static int become_root(const struct mounting *mounting, struct error *err)
{
	if (!(mounting->namespaces & CLONE_NEWUSER))
		return 0;
	if (setresgid(0, 0, 0) < 0)
		return error_errno(err, errno, "setresgid (is group 0 mapped?)");
	/* denied in a user namespace that an unprivileged user made: then there are no others either */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return error_errno(err, errno, "setgroups");
	if (setresuid(0, 0, 0) < 0)
		return error_errno(err, errno, "setresuid (is user 0 mapped?)");
	init_guard();
	return 0;
}

static int enter_and_perform(const struct mounting *mounting, struct error *err)
{
	int r;

	r = process_setns(mounting->container,
			  (int)(mounting->namespaces & ~(uint64_t)NOT_ENTERED));
	if (r == -ESRCH)
		return error_set(err, ESRCH, "container not running");
	if (r < 0)
		return error_errno(err, -r, "enter the container's namespaces: setns");
	init_guard();
	r = become_root(mounting, err);
	if (r < 0)
		return r;
	if (mounting->removed)
		return rootfs_remove(mounting->removed, mounting->proc, err);
	return rootfs_add(mounting->plan, mounting->sources, mounting->pid_ns, mounting->proc,
			  err);
}

static void sink(void *data, enum trace_level level, const char *text)
{
	channel_sink(data, (int)level, text);
}

static _Noreturn void run_helper(const struct mounting *mounting, int channel)
{
	struct error err = ERROR_INIT;
	int r;

	init_guard();
	trace_install(sink, &channel, TRACE_WARNING);
	r = enter_and_perform(mounting, &err);
	if (r >= 0)
		_exit(0);
	r = channel_send(channel, CHANNEL_ERROR, err.code, err.text, -1);
	_exit(r < 0 ? 2 : 1);
}

/* What the helper says, until it ends. */
static int hear(int channel, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	for (;;) {
		r = channel_receive(channel, &message);
		if (r == 0 || r == -ECONNRESET)
			return -err->code;
		if (r < 0)
			return error_errno(err, -r, "receive from the helper");
		if (message.type == CHANNEL_LOG)
			trace_line((enum trace_level)message.value, "%s", message.text);
		else if (message.type == CHANNEL_ERROR)
			error_set(err, message.value, "%s", message.text);
		else
			return error_set(err, EBADMSG, "unexpected message %u from the helper",
					 message.type);
	}
}

int mounting_perform(const struct mounting *mounting, struct error *err)
{
	_cleanup_(child_release) struct child child = CHILD_INIT;
	_cleanup_fd_ int theirs = -1;
	int ends[2], status, r;

	r = channel_pair(ends, err);
	if (r < 0)
		return r;
	child.channel = ends[0];
	theirs = ends[1];
	child.pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &child.pidfd);
	if (child.pid < 0)
		return error_errno(err, -child.pid, "clone3");
	if (child.pid == 0) {
		close(child.channel);
		run_helper(mounting, theirs);
	}
	close(theirs);
	theirs = -1;
	r = hear(child.channel, err);
	if (process_wait(child.pidfd, &status) < 0)
		status = 0;
	if (r < 0)
		return r;
	if (status > 128)
		return error_set(err, ECHILD, "the helper was killed by signal %d",
				 status - 128);
	return status ? error_set(err, ECHILD, "the helper ended with status %d", status) : 0;
}
