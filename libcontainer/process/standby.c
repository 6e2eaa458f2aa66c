/* The start barrier. The container is complete; its init waits on the start socket, whose listening end only it
 * holds. A connection that says nothing is a look at the state; one that says start is the start: the
 * listening end closes at once, so that whoever looks or starts now is refused. Success reaches start as
 * the end of file that close-on-exec makes of execve, after a word that it is next. Under the filter only seccomp's followers run: capset
 * where no_new_privs is off (its permitted CAP_SYS_ADMIN has to go), then execve, or write and exit. */
#include "process/stages.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "confine/confine.h"
#include "kernel/process.h"
#include "process/channel.h"
#include "process/hooks.h"
#include "process/limits.h"

/* Tells the creator that all stands and waits until it has recorded the container. From then on this process
 * no longer dies with it; in between, the end of the channel says that it died. */
static int stand(struct init_context *context, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	prctl(PR_SET_PDEATHSIG, 0);
	r = channel_send(context->channel, CHANNEL_STANDING, 0, NULL, -1);
	if (r < 0)
		return error_errno(err, -r, "send to the creating process");
	r = channel_receive(context->channel, &message);
	if (r <= 0 || message.type != CHANNEL_COMMIT)
		return error_set(err, EPIPE, "the creating process is gone");
	trace_install(NULL, NULL, TRACE_ERROR);
	cleanup_fd(&context->channel);
	return 0;
}

static int wait_for_start(struct init_context *context, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	_cleanup_fd_ int connection = -1;
	int r;

	for (;;) {
		cleanup_fd(&connection);
		connection = accept4(context->listener, NULL, NULL, SOCK_CLOEXEC);
		if (connection < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (connection < 0)
			return error_errno(err, errno, "accept on the start socket");
		r = channel_receive(connection, &message);
		if (r <= 0 || message.type != CHANNEL_START)
			continue;
		if (message.value == CHANNEL_VERSION)
			break;
		r = channel_send(connection, CHANNEL_ERROR, EPROTO,
				 "the container was created by a tare whose start protocol has "
				 "another version",
				 -1);
		if (r < 0)
			trace_debug("the caller of start is gone");
	}
	cleanup_fd(&context->listener);
	context->connection = steal_fd(&connection);
	return 0;
}

/* In the process of a startContainer hook: the container's own identity, without what the init still needs. */
static int confine_hook(void *data, struct error *err)
{
	const struct init_context *context = data;

	return confine_capabilities(&context->plan->process.capabilities, err);
}

static int run_hooks(struct init_context *context, struct error *err)
{
	const struct spec_hooks *hooks = context->plan->hooks;
	struct hook_run run = {
		.kind = "startContainer",
		.environment = context->environment,
		.prepare = confine_hook,
		.data = context,
		.state = context->hook_state,
		.streams = &context->streams,
	};

	if (!hooks)
		return 0;
	run.n_hooks = hooks->n_start_container;
	run.hooks = hooks->start_container;
	return hooks_run(&run, err);
}

/* Installs the filter, and hands its listener to whoever hands it on to the agent. From here to execve all
 * system calls are under the filter; the one by which this is done cannot be supervised (spec/seccomp.c). */
static int install_filter(const struct init_context *context, struct error *err)
{
	int channel = context->connection >= 0 ? context->connection : context->channel;
	int listener, r;

	r = seccomp_install(context->seccomp, &listener, err);
	if (r < 0 || listener < 0)
		return r;
	/* close-on-exec closes it: close(2) may not be allowed, or wait for the agent */
	r = channel_send(channel, CHANNEL_LISTENER, 0, NULL, listener);
	return r < 0 ? error_errno(err, -r, "hand over the listener of the system call filter")
		     : 0;
}

/* The filter and the last privileges. With no_new_privs the filter is the last thing; without, loading it
 * takes CAP_SYS_ADMIN, which then has to be given up under the filter. */
int init_confine(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	struct plan_capabilities loading = plan->capabilities;
	int r;

	if (!context->seccomp)
		return 0;
	if (plan->no_new_privs)
		return install_filter(context, err);
	loading.set[PLAN_CAP_PERMITTED] |= UINT64_C(1) << CAP_SYS_ADMIN;
	loading.set[PLAN_CAP_EFFECTIVE] |= UINT64_C(1) << CAP_SYS_ADMIN;
	r = confine_capabilities(&loading, err);
	if (r < 0)
		return r;
	r = install_filter(context, err);
	if (r < 0)
		return r;
	return confine_capabilities(&plan->capabilities, err);
}

/* Without this word, start would take an init that is killed in a hook for one that has executed its program:
 * either ends the connection. A start that is gone itself changes nothing. */
static int announce_execution(struct init_context *context, struct error *err)
{
	int r = channel_send(context->connection, CHANNEL_EXECUTING, 0, NULL, -1);

	return r < 0 && r != -EPIPE && r != -ECONNRESET ? error_errno(err, -r, "send to start")
							: 0;
}

int standby_run(struct init_context *context, struct error *err)
{
	const struct plan_process *plan = &context->plan->process;
	int r;

	r = stand(context, err);
	if (r < 0)
		return r;
	r = wait_for_start(context, err);
	if (r < 0)
		return r;
	if (!plan->given)
		return error_set(err, EINVAL,
				 "process property must be set to start a container");
	r = run_hooks(context, err);
	if (r < 0)
		return r;
	r = process_cloexec_from(3 + plan->preserve_fds);
	if (r < 0)
		return error_errno(err, -r, "close_range");
	r = limits_set(plan, err);
	if (r < 0)
		return r;
	r = announce_execution(context, err);
	if (r < 0)
		return r;
	r = init_confine(context, err);
	if (r < 0)
		return r;
	execve(context->program, (char *const *)(uintptr_t)plan->args, context->environment);
	return error_errno(err, errno, "exec %s", plan->args[0]);
}
