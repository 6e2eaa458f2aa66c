/* exec: a further process in a container. It takes no lock, since it changes nothing of the container: whether
 * that lives is decided by the pidfd of its init, which is what the process enters through, so that a container
 * that ends meanwhile makes exec fail and not enter another. Probes run this every second on every container,
 * so it reads two files of the state directory and asks the kernel for no more than it needs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/unit.h"
#include "kernel/process.h"
#include "process/attend.h"
#include "process/channel.h"
#include "process/exec.h"
#include "process/handover.h"
#include "process/scheduling.h"
#include "verbs/agent.h"
#include "verbs/observe.h"
#include "verbs/pid_file.h"
#include "verbs/verbs.h"

/* How long a process that has closed its channel may take to end by itself. */
#define DEATH_MS 10000

struct executing {
	struct verb_context *context;
	const struct verb_exec_options *options;
	struct state_dir dir;
	struct state_record *record;
	int container; /* pidfd of its init */
	int root; /* of its init, where that is not its mount namespace's; -1 */
	struct state_exec recorded;
	struct seccomp_program filter;
	const struct plan *plan;
	struct cgroup cgroup;
	struct child child;
	bool running; /* the program was executed, or has ended: it is not killed */
	bool announced; /* there is a pid file */
	int master; /* of its terminal, when no console socket took it; -1 */
	struct attendance attendance;
	struct agent agent;
};

static void end(struct executing *e)
{
	attend_close(&e->attendance);
	cleanup_agent(&e->agent);
	if (!e->running) {
		spawn_kill(&e->child);
		if (e->announced)
			unlink(e->options->pid_file);
	}
	child_release(&e->child);
	cleanup_fd(&e->master);
	cgroup_close(&e->cgroup);
	cleanup_fd(&e->root);
	cleanup_fd(&e->container);
	state_dir_close(&e->dir);
}

static int check_paused(const struct executing *e, struct error *err)
{
	int r;

	if (e->options->ignore_paused || !e->record->cgroup)
		return 0;
	r = cgroup_frozen(e->record->cgroup, err);
	if (r > 0)
		return error_set(err, EBUSY,
				 "cannot exec in a paused container (use --ignore-paused to "
				 "override)");
	return r;
}

/* Opens the container and its init. */
static int open_container(struct executing *e, struct error *err)
{
	int r;

	r = state_open_dir(&e->context->store, e->options->id, &e->dir, err);
	if (r < 0)
		return r;
	r = state_read(&e->dir, e->context->arena, &e->record, err);
	if (r == -ENODATA) {
		error_ignore(err, "it is being made, or a killed tare has left it");
		return error_set(err, ENOENT, "container does not exist");
	}
	if (r >= 0)
		r = state_check_reachable(e->record, e->context->proc, err);
	if (r < 0)
		return r;
	if (e->record->status == STATE_CREATING &&
	    state_alive(&e->record->holder, e->context->proc))
		return error_set(err, EBUSY,
				 "cannot exec in a container that is being created");
	e->container = e->record->status == STATE_CREATING
			       ? -ESRCH
			       : state_open_process(&e->record->init, e->context->proc);
	if (e->container == -ESRCH)
		return error_set(err, ESRCH, "cannot exec in a stopped container");
	if (e->container < 0)
		return error_errno(err, -e->container, "open process %d",
				   (int)e->record->init.pid);
	return check_paused(e, err);
}

static int read_process(struct executing *e, const struct spec_process **ret_process,
			struct error *err)
{
	const char *path = e->options->process;
	_cleanup_fd_ int fd = -1;
	char *text;
	ssize_t n;

	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "open %s", path);
	n = fd_read_all(fd, JSON_SIZE_MAX, path, e->context->arena, &text, err);
	if (n < 0)
		return (int)n;
	return spec_load_process(text, (size_t)n, path, e->context->arena, ret_process, err);
}

static int plan(struct executing *e, struct error *err)
{
	struct plan_exec wanted = e->options->wanted;
	struct arena *arena = e->context->arena;
	int r;

	r = state_read_exec(&e->dir, arena, &e->recorded, &e->filter, err);
	if (r < 0)
		return r;
	e->agent.record = e->record;
	e->agent.status = STATE_RUNNING;
	e->agent.done = true;
	if (e->recorded.filter) {
		r = agent_connect(&e->agent, err);
		if (r < 0)
			return r;
	}
	wanted.id = e->options->id;
	wanted.recorded = e->recorded.spec;
	wanted.namespaces = e->recorded.namespaces;
	wanted.deny_setgroups = e->recorded.deny_setgroups;
	wanted.no_new_keyring = e->recorded.no_new_keyring;
	if (e->options->process) {
		r = read_process(e, &wanted.given, err);
		if (r < 0)
			return r;
	}
	return plan_exec_build(&wanted, arena, &e->plan, err);
}

/* The cgroup that the process is born in: the container's own, or one below it, which the caller or an annotation
 * of the container has named. */
static int open_cgroup(struct executing *e, struct error *err)
{
	const char *below = e->options->cgroup, *path = e->record->cgroup;
	int r;

	if (!path)
		return below ? error_set(err, EINVAL,
					 "--cgroup: the container has no cgroup of its own")
			     : 0;
	if (e->recorded.subgroup) {
		path = path_join(e->context->arena, path, e->recorded.subgroup);
		if (!path)
			return error_oom(err);
	}
	r = cgroup_open_below(path, below ? below : e->recorded.delegate_to, e->context->arena,
			      &e->cgroup, err);
	/* callers know these words of runc; the process is not born yet, so it is this one's number */
	if (r == -ENOENT && below)
		return error_at(err, "adding pid %d to cgroups", (int)getpid());
	if (r != -ENOENT || !e->recorded.delegate_to)
		return r;
	error_ignore(err, "the container, whose it is, has removed it: the init is elsewhere");
	return cgroup_open_of_process(e->context->proc, e->record->init.pid, e->context->arena,
				      &e->cgroup, err);
}

static int open_places(struct executing *e, struct error *err)
{
	char path[32];
	int r;

	r = observe_user_namespace(e->context, e->record, &e->recorded.namespaces, err);
	if (r < 0)
		return r;
	if (e->recorded.foreign_root) {
		/* a magic link of a process whose pidfd is held: if it is gone, setns(2) will say so */
		snprintf(path, sizeof path, "%d/root", (int)e->record->init.pid);
		e->root = openat(e->context->proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (e->root < 0)
			return error_errno(err, errno, "open the container's root");
	}
	return open_cgroup(e, err);
}

/* A user who calls from outside of what was delegated to them is let in by their service manager. */
static int find_seat(const struct executing *e, struct unit_seat *ret_seat, struct error *err)
{
	int r;

	*ret_seat = (struct unit_seat){ 0 };
	if (!e->cgroup.path)
		return 0;
	r = unit_find_seat(e->cgroup.path, e->context->arena, ret_seat, err);
	ret_seat->proc = e->context->proc;
	ret_seat->arena = e->context->arena;
	return r;
}

static int spawn_once(struct executing *e, struct error *err)
{
	struct unit_seat seat;
	int r = find_seat(e, &seat, err);
	struct init_context init = {
		.plan = e->plan,
		.seccomp = e->recorded.filter ? &e->filter : NULL,
		.proc = e->context->proc,
		.listener = -1,
		.connection = -1,
		.streams = HOOK_STREAMS_INIT,
		.root = -1,
		.terminal = -1,
		.arena = e->context->arena,
	};
	const struct exec_entrance entrance = {
		.container = e->container,
		.root = e->root,
		.namespaces = e->recorded.namespaces,
		.entry = { .cgroup = e->cgroup.fd,
			   .move = seat.unit ? unit_move : NULL,
			   .data = &seat },
		.barrier = !e->plan->options->detached || e->options->pidfd_socket ||
			   e->record->rdt.root,
	};

	if (r < 0)
		return r;
	return exec_spawn(&init, &entrance, &e->child, err);
}

/* A container that has made cgroups below its own has no processes in that one: then the place is beside its
 * init (contract 7.9), unless the caller has said where. */
static int spawn(struct executing *e, struct error *err)
{
	const struct spec_exec_cpu_affinity *affinity = e->plan->process.exec_cpu_affinity;
	int r;

	/* spec:122: of this process, before the other is in the container's cgroup */
	if (affinity) {
		r = scheduling_set_processors(0, affinity->initial, "initial", err);
		if (r < 0)
			return r;
	}
	r = spawn_once(e, err);
	if ((r != -EBUSY && r != -EOPNOTSUPP) || e->options->cgroup || e->child.pid != 0)
		return r;
	error_ignore(err, "the container's cgroup takes no processes: its init is elsewhere");
	cgroup_close(&e->cgroup);
	child_release(&e->child);
	r = cgroup_open_of_process(e->context->proc, e->record->init.pid, e->context->arena,
				   &e->cgroup, err);
	if (r < 0)
		return r;
	if (process_wait_end(e->container, 0) == 0)
		return error_set(err, ESRCH, "cannot exec in a stopped container");
	return spawn_once(e, err);
}

static int serve_terminal(struct executing *e, struct channel_message *message,
			  struct error *err)
{
	const char *path = e->plan->options->console_socket;

	if (message->fd < 0)
		return error_set(err, EBADMSG, "the terminal came without a descriptor");
	if (path)
		return handover_terminal(path, message->fd, (unsigned)message->value, err);
	e->master = steal_fd(&message->fd);
	return 0;
}

/* The process stands: whoever attends to it does so from now on. */
static int attend_to(struct executing *e, struct error *err)
{
	int r;

	r = resctrl_join(&e->record->rdt, e->child.pid, err);
	if (r < 0)
		return r;
	if (e->options->pidfd_socket) {
		r = handover_pidfd(e->options->pidfd_socket, e->child.pidfd, "setns", err);
		if (r < 0)
			return r;
	}
	if (!e->plan->options->detached) {
		r = attend_open(e->child.pidfd, steal_fd(&e->master), NULL, &e->attendance,
				err);
		if (r < 0)
			return r;
	}
	r = channel_send(e->child.channel, CHANNEL_GO, 0, NULL, -1);
	/* what it said last is read next */
	return r < 0 && r != -EPIPE && r != -ECONNRESET
		       ? error_errno(err, -r, "send to the process")
		       : 0;
}

/* Why the process is gone without having said so. */
static int explain_death(struct executing *e, struct error *err)
{
	struct child *child = &e->child;
	int status = 0;

	if (process_wait_end(child->pidfd, DEATH_MS) < 0 &&
	    process_pidfd_signal(child->pidfd, SIGKILL) < 0)
		trace_debug("the process is gone already");
	if (process_wait(child->pidfd, &status) < 0)
		trace_debug("the process was reaped by someone else");
	cleanup_fd(&child->pidfd);
	if (process_wait_end(e->container, 0) == 0)
		return error_set(err, ESRCH, "the container was stopped meanwhile");
	if (status > 128)
		error_set(err, ECHILD,
			  "the process was killed by signal %d before its program was executed",
			  status - 128);
	else
		error_set(err, ECHILD,
			  "the process ended with status %d before its program was executed",
			  status);
	return -err->code;
}

/* The process's filter asks an agent. */
static int serve_listener(struct executing *e, const struct channel_message *message,
			  struct error *err)
{
	e->agent.process = e->child.pid;
	return agent_hand_over(&e->agent, message->fd, err);
}

/* Serves the process until its program was executed. */
static int wait_until_it_runs(struct executing *e, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	bool executing = false;
	int r;

	for (;;) {
		r = channel_receive(e->child.channel, &message);
		if ((r == 0 || r == -ECONNRESET) && !executing)
			return explain_death(e, err);
		if (r == 0)
			break;
		if (r < 0)
			return error_errno(err, -r, "receive from the process");
		r = 0;
		switch (message.type) {
		case CHANNEL_LOG:
			trace_line((enum trace_level)message.value, "%s", message.text);
			break;
		case CHANNEL_ERROR:
			return error_set(err, message.value, "%s", message.text);
		case CHANNEL_TERMINAL:
			r = serve_terminal(e, &message, err);
			break;
		case CHANNEL_STANDING:
			r = attend_to(e, err);
			break;
		case CHANNEL_SCHEDULE:
			r = scheduling_apply(&e->plan->process,
					     (enum scheduling_part)message.value, e->child.pid,
					     err);
			break;
		case CHANNEL_EXECUTING:
			executing = true;
			break;
		case CHANNEL_LISTENER:
			r = serve_listener(e, &message, err);
			break;
		default:
			return error_set(err, EBADMSG, "unexpected message %u from the process",
					 message.type);
		}
		if (r < 0)
			return r;
	}
	return agent_check(&e->agent, err);
}

/* After the program was executed, so that a pid file that is there means a process that was (contract 9). */
static int announce(struct executing *e, struct error *err)
{
	int r;

	if (!e->options->pid_file)
		return 0;
	r = pid_file_write(e->options->pid_file, e->child.pid, e->context->arena, err);
	e->announced = r >= 0;
	return r;
}

/* The story, a line a step. */
static int (*const steps[])(struct executing *e, struct error *err) = {
	open_container, plan, open_places, spawn, wait_until_it_runs, announce,
};

int verb_exec(struct verb_context *context, const struct verb_exec_options *options,
	      int *ret_status, struct error *err)
{
	_cleanup_(end) struct executing e = {
		.context = context,
		.options = options,
		.dir = STATE_DIR_INIT,
		.container = -1,
		.root = -1,
		.cgroup = CGROUP_INIT,
		.child = CHILD_INIT,
		.master = -1,
		.attendance = ATTENDANCE_INIT,
		.agent = AGENT_INIT,
	};
	size_t i;
	int r;

	*ret_status = 0;
	for (i = 0; i < ELEMENTS_OF(steps); i++) {
		r = steps[i](&e, err);
		if (r < 0)
			return r;
	}
	if (!e.plan->options->detached) {
		/* whom nobody attends to any more does not stay */
		r = attend(&e.attendance, ret_status, err);
		if (r < 0)
			return r;
	}
	e.running = true;
	return 0;
}
