/* The conversation between whoever creates a container and its init, from the clone until the init stands: what
 * it reports, its terminal, the hooks of the runtime's side. An init that dies without a word closes the channel, and
 * its exit status has to say why. */
#include "verbs/create.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "process/handover.h"
#include "process/hooks.h"
#include "process/scheduling.h"

/* How long an init that has closed its channel may take to end by itself. */
#define DEATH_MS 10000

/* An init that is gone is no error here: what it said last is read next. */
int create_send(struct creation *c, enum channel_type type, int fd, struct error *err)
{
	int r;

	r = channel_send(c->created.child.channel, type, 0, NULL, fd);
	return r < 0 && r != -EPIPE && r != -ECONNRESET ? error_errno(err, -r, "send to init")
							: 0;
}

static int print_state(struct creation *c, enum state_status status, pid_t pid,
		       struct json_writer *writer, const char **ret_text, struct error *err)
{
	size_t length;

	state_print(&c->record, status, pid, writer);
	return json_writer_text(writer, ret_text, &length, err);
}

static int send_state(struct creation *c, enum channel_type type, enum state_status status,
		      pid_t pid, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_fd_ int file = -1;
	const char *text;
	int r;

	if (!writer)
		return error_oom(err);
	r = print_state(c, status, pid, writer, &text, err);
	if (r < 0)
		return r;
	file = hook_state_file(text, err);
	if (file < 0)
		return file;
	return create_send(c, type, file, err);
}

static int run_hooks_of_runtime(struct creation *c, struct error *err)
{
	const struct spec_hooks *hooks = c->prepared.spec->hooks;
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct hook_run run = { .kind = "prestart",
				.streams = &c->streams,
				.interruption = c->created.interruption };
	int r;

	if (!writer)
		return error_oom(err);
	r = print_state(c, STATE_CREATING, c->created.child.pid, writer, &run.state, err);
	if (r < 0)
		return r;
	run.n_hooks = hooks->n_prestart;
	run.hooks = hooks->prestart;
	r = hooks_run(&run, err);
	if (r < 0)
		return r;
	run.kind = "createRuntime";
	run.n_hooks = hooks->n_create_runtime;
	run.hooks = hooks->create_runtime;
	return hooks_run(&run, err);
}

int create_run_hooks(struct creation *c, struct error *err)
{
	c->hooks_ran = true;
	state_unlock(&c->dir);
	return run_hooks_of_runtime(c, err);
}

/* The root is assembled: the hooks of the runtime's side run here, those of the container's side in the init,
 * which gets the state as its own namespace counts (spec:15, spec:16). The lock is down meanwhile; the record
 * says creating and names this process. */
static int serve_hooks(struct creation *c, struct error *err)
{
	pid_t inner;
	int r;

	r = create_run_hooks(c, err);
	if (r < 0)
		return r;
	r = spawn_inner_pid(&c->prepared.plan->namespaces, &c->created.child, c->context->proc,
			    &inner, err);
	if (r < 0)
		return r;
	r = send_state(c, CHANNEL_HOOKS, STATE_CREATING, inner, err);
	if (r < 0)
		return r;
	return send_state(c, CHANNEL_STATE, STATE_CREATED, inner, err);
}

int create_take_terminal(struct creation *c, int take_master, unsigned number,
			 struct error *err)
{
	_cleanup_fd_ int master = take_master;

	if (master < 0)
		return error_set(err, EBADMSG, "the terminal came without a descriptor");
	if (c->options->console_socket)
		return handover_terminal(c->options->console_socket, master, number, err);
	c->created.master = steal_fd(&master);
	return 0;
}

/* Why the init is gone without having said so. */
int create_explain_death(struct creation *c, struct error *err)
{
	struct child *child = &c->created.child;
	int status = 0;

	if (process_wait_end(child->pidfd, DEATH_MS) < 0 &&
	    process_pidfd_signal(child->pidfd, SIGKILL) < 0)
		trace_debug("init is gone already");
	if (process_wait(child->pidfd, &status) < 0)
		trace_debug("init was reaped by someone else");
	cleanup_fd(&child->pidfd);
	return child_explain_end(child, status, err);
}

/* Serves the init until it stands. */
int create_serve(struct creation *c, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	for (;;) {
		r = interruption_wait(c->created.interruption, c->created.child.channel, err);
		if (r < 0)
			return r;
		r = channel_receive(c->created.child.channel, &message);
		if (r == 0 || r == -ECONNRESET)
			return create_explain_death(c, err);
		if (r < 0)
			return error_errno(err, -r, "receive from init");
		switch (message.type) {
		case CHANNEL_LOG:
			trace_line((enum trace_level)message.value, "%s", message.text);
			continue;
		case CHANNEL_ERROR:
			return error_set(err, message.value, "%s", message.text);
		case CHANNEL_TREE_READY:
			r = serve_hooks(c, err);
			break;
		case CHANNEL_TERMINAL:
			r = create_take_terminal(c, steal_fd(&message.fd),
						 (unsigned)message.value, err);
			break;
		case CHANNEL_SCHEDULE:
			r = scheduling_apply(&c->prepared.plan->process,
					     (enum scheduling_part)message.value,
					     c->created.child.pid, err);
			break;
		case CHANNEL_NETWORK:
			continue; /* no operation of the root's assembly has asked for it */
		case CHANNEL_STANDING:
			return 0;
		default:
			return error_set(err, EBADMSG, "unexpected message %u from init",
					 message.type);
		}
		if (r < 0)
			return r;
	}
}
