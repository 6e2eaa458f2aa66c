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
	int r;

	if (!(mounting->namespaces & CLONE_NEWUSER))
		return 0;
	r = process_set_group(0);
	if (r < 0)
		return error_errno(err, -r, "setresgid (is group 0 mapped?)");
	/* denied in a user namespace that an unprivileged user made: then there are no others either */
	r = process_set_groups(0, NULL);
	if (r < 0 && r != -EPERM)
		return error_errno(err, -r, "setgroups");
	r = process_set_user(0);
	if (r < 0)
		return error_errno(err, -r, "setresuid (is user 0 mapped?)");
	init_guard();
	return 0;
}

/* Says that it is done, and hears that this was understood: if the caller is gone by then, it is not. */
static int confirm(void *data, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	const int *channel = data;
	int r;

	r = channel_send(*channel, CHANNEL_STANDING, 0, NULL, -1);
	if (r < 0)
		return error_errno(err, -r, "send to the calling process");
	r = channel_receive(*channel, &message);
	if (r <= 0 || message.type != CHANNEL_GO)
		return error_set(err, EPIPE, "the calling process is gone");
	return 0;
}

static int enter_and_perform(const struct mounting *mounting, int *channel, struct error *err)
{
	const struct rootfs_adding adding = {
		.pid_ns = mounting->pid_ns,
		.proc = mounting->proc,
		.confirm = confirm,
		.data = channel,
	};
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
	if (!mounting->removed)
		return rootfs_add(mounting->plan, mounting->sources, &adding, err);
	r = rootfs_remove(mounting->removed, mounting->proc, err);
	return r < 0 ? r : confirm(channel, err);
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
	r = enter_and_perform(mounting, &channel, &err);
	if (r >= 0)
		_exit(0);
	r = channel_send(channel, CHANNEL_ERROR, err.code, err.text, -1);
	_exit(r < 0 ? 2 : 1);
}

/* What the helper says, until it is done. */
static int hear(int channel, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	for (;;) {
		r = channel_receive(channel, &message);
		if (r == 0 || r == -ECONNRESET)
			return error_set(err, ECHILD, "the helper ended without a word");
		if (r < 0)
			return error_errno(err, -r, "receive from the helper");
		if (message.type == CHANNEL_ERROR)
			return error_set(err, message.value, "%s", message.text);
		if (message.type == CHANNEL_STANDING)
			break;
		if (message.type != CHANNEL_LOG)
			return error_set(err, EBADMSG, "unexpected message %u from the helper",
					 message.type);
		trace_line((enum trace_level)message.value, "%s", message.text);
	}
	r = channel_send(channel, CHANNEL_GO, 0, NULL, -1);
	return r < 0 ? error_errno(err, -r, "send to the helper") : 0;
}

/* A helper that was told to go on, and did not hear it, has taken away what it had mounted. */
static int explain(int channel, int status, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;

	if (channel_receive(channel, &message) > 0 && message.type == CHANNEL_ERROR)
		return error_set(err, message.value, "%s", message.text);
	return error_set(err, ECHILD, "the helper ended with status %d", status);
}

int mounting_perform(const struct mounting *mounting, struct error *err)
{
	_cleanup_(child_release) struct child child = CHILD_INIT;
	int ends[2], status, r;

	r = channel_pair(ends, err);
	if (r < 0)
		return r;
	child.channel = ends[0];
	child.pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &child.pidfd);
	if (child.pid == 0) {
		close(child.channel);
		run_helper(mounting, ends[1]);
	}
	close(ends[1]);
	if (child.pid < 0)
		return error_errno(err, -child.pid, "clone3");
	r = hear(child.channel, err);
	/* one that is not told to go on takes away what it has mounted, and then ends */
	if (r < 0)
		cleanup_fd(&child.channel);
	if (process_wait(child.pidfd, &status) < 0)
		trace_debug("the helper was reaped by someone else");
	else if (r >= 0 && status != 0)
		r = explain(child.channel, status, err);
	return r;
}
