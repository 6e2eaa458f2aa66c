/* start: tells the waiting init to go. Which of two starts wins, and whether a container can still be started,
 * is decided by the start socket, not by the record: the init answers once. The lock is not held while hooks
 * run. Success is the end of file that execve makes. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "kernel/process.h"
#include "process/channel.h"
#include "process/hooks.h"
#include "process/notify.h"
#include "verbs/agent.h"
#include "verbs/creation.h"
#include "verbs/hook_files.h"
#include "verbs/verbs.h"

static int check_status(const struct state_record *record, enum state_status status,
			struct error *err)
{
	switch (status) {
	case STATE_CREATED:
		break;
	case STATE_CREATING:
		return error_set(err, EBUSY, "cannot start a container that is being created");
	case STATE_STOPPED:
		return error_set(err, ESRCH, "cannot start a container that has stopped");
	default:
		return error_set(err, EBUSY, "cannot start an already running container");
	}
	if (!record->has_process)
		return error_set(
			err, EINVAL,
			"cannot start a container without a process (config.json has no "
			"process)");
	return 0;
}

/* What the program would ask is never answered, or it runs without having been asked for. */
static void end_container(struct verb_context *context, const struct state_record *record)
{
	_cleanup_fd_ int pidfd = state_open_process(&record->init, context->proc);

	if (pidfd >= 0 && process_pidfd_signal(pidfd, SIGKILL) < 0)
		trace_debug("the container has ended already");
}

/* Says start, and hears how it went. */
static int tell_init(int connection, struct agent *agent,
		     const struct interruption *interruption, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	bool executing = false;
	int r;

	r = channel_send(connection, CHANNEL_START, CHANNEL_VERSION, NULL, -1);
	if (r < 0)
		return error_errno(err, -r, "tell init to start");
	for (;;) {
		/* from then on a signal is for the program, which may run already */
		r = executing ? 0 : interruption_wait(interruption, connection, err);
		if (r < 0)
			return r;
		r = channel_receive(connection, &message);
		if (r == 0 && !executing)
			return error_set(err, ESRCH,
					 "the container was killed before its program was "
					 "executed");
		if (r == 0)
			return agent_check(agent, err);
		if (r < 0)
			return error_errno(err, -r, "hear from init");
		if (message.type == CHANNEL_ERROR)
			return error_set(err, message.value, "%s", message.text);
		if (message.type == CHANNEL_EXECUTING)
			executing = true;
		if (message.type == CHANNEL_LISTENER) {
			r = agent_hand_over(agent, message.fd, err);
			if (r < 0)
				return r;
		}
	}
}

static int run_poststart(struct verb_context *context, const struct state_record *record,
			 struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	_cleanup_(hook_streams_close) struct hook_streams streams = HOOK_STREAMS_INIT;
	struct hook_run run = { .kind = "poststart", .streams = &streams };
	size_t length;
	int r;

	if (!record->hooks || record->hooks->n_poststart == 0)
		return 0;
	writer = json_writer_new(NULL);
	if (!writer)
		return error_oom(err);
	state_print(record, STATE_RUNNING, record->init.pid, writer);
	r = hook_files_open(record, &streams, err);
	if (r < 0)
		return r;
	r = json_writer_text(writer, &run.state, &length, err);
	if (r < 0)
		return r;
	run.n_hooks = record->hooks->n_poststart;
	run.hooks = record->hooks->poststart;
	r = hooks_run(&run, err);
	if (r >= 0)
		return 0;
	/* spec:31: a failing poststart hook stops the container */
	end_container(context, record);
	return r;
}

/* Records that it runs, so that later looks need no probing of the socket. Somebody may have deleted the
 * container while its hooks ran: then there is nothing to record. */
static int record_running(struct verb_context *context, struct state_dir *dir,
			  struct state_record *record, struct error *err)
{
	int r;

	if (!dir->locked) {
		r = state_lock(&context->store, record->id, dir, -1, err);
		if (r == -ENOENT) {
			error_ignore(err, "the container was deleted while it started");
			return 0;
		}
		if (r < 0)
			return r;
	}
	record->status = STATE_RUNNING;
	record->holder = (struct state_identity){ 0 }; /* run's, which it leaves until here */
	r = state_write(dir, record, context->arena, err);
	state_unlock(dir);
	return r;
}

/* Before the program runs, so that what it says is said by the main process already: of others the manager
 * takes nothing by default (NotifyAccess=main). */
static void announce(const struct state_record *record)
{
	const char *address = getenv("NOTIFY_SOCKET");
	struct error err = ERROR_INIT;

	if (!record->notifies || !address || *address == '\0')
		return;
	if (notify_main_pid(address, record->init.pid, &err) >= 0)
		return;
	trace_warning("%s", err.text);
	error_ignore(&err, "the container runs without a manager as well");
}

/* Connects to the waiting init. That it listens says more than the record could, so the status is only
 * worked out when it does not. */
static int connect_init(struct verb_context *context, const struct state_dir *dir,
			const struct state_record *record, struct error *err)
{
	_cleanup_fd_ int connection = -ECONNREFUSED;
	enum state_status status = STATE_CREATED;
	int r;

	if (record->status == STATE_CREATED)
		connection = state_connect_start(dir);
	if (connection < 0)
		status = state_status_now(dir, record, context->proc);
	r = check_status(record, status, err);
	if (r < 0)
		return r;
	if (connection == -ECONNREFUSED || connection == -ENOENT)
		return error_set(err, EBUSY, "cannot start an already running container");
	if (connection < 0)
		return error_errno(err, -connection, "connect to the start socket");
	return steal_fd(&connection);
}

/* A frozen init would never answer, and keep resume from the lock. */
static int check_frozen(const struct state_record *record, struct error *err)
{
	int r = cgroup_frozen(record->cgroup, err);

	if (r > 0)
		return error_set(err, EBUSY, "cannot start a container in the paused state");
	return r;
}

struct start_mode {
	bool attended;
	const struct interruption *interruption; /* NULL: none */
};

/* @dir: locked; its lock is given back. */
static int start_recorded(struct verb_context *context, struct state_dir *dir,
			  struct state_record *record, struct start_mode mode,
			  struct error *err)
{
	_cleanup_(cleanup_agent) struct agent agent = AGENT_INIT;
	_cleanup_fd_ int connection = -1;
	int r;

	connection = connect_init(context, dir, record, err);
	if (connection < 0)
		return connection;
	r = check_frozen(record, err);
	if (r < 0)
		return r;
	/* an agent that is not there leaves the container as it was */
	agent.record = record;
	agent.status = STATE_CREATED;
	agent.process = record->init.pid;
	r = agent_connect(&agent, err);
	if (r < 0)
		return r;
	if (record->hooks && record->hooks->n_start_container > 0)
		state_unlock(dir);
	if (!mode.attended)
		announce(record);
	r = tell_init(connection, &agent, mode.interruption, err);
	if (agent.failed)
		end_container(context, record);
	if (r < 0)
		return r;
	r = record_running(context, dir, record, err);
	if (r < 0)
		return r;
	return run_poststart(context, record, err);
}

int start_created(struct verb_context *context, struct created *created, bool attended,
		  struct error *err)
{
	const struct start_mode mode = { .attended = attended,
					 .interruption = created->interruption };
	int r;

	r = start_recorded(context, &created->dir, &created->record, mode, err);
	state_dir_close(&created->dir);
	return r;
}

int verb_start(struct verb_context *context, const char *id, struct error *err)
{
	_cleanup_(state_dir_close) struct state_dir dir = STATE_DIR_INIT;
	struct state_record *record;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = state_lock(&context->store, id, &dir, -1, err);
	if (r < 0)
		return r;
	r = state_read(&dir, context->arena, &record, err);
	if (r < 0)
		return r;
	r = state_check_reachable(record, context->proc, err);
	if (r < 0)
		return r;
	return start_recorded(context, &dir, record, (struct start_mode){ 0 }, err);
}
