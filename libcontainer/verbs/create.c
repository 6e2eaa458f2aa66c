/* create: the story of how a container comes to be. create_container() is its table of contents; each resource
 * that a line brings is undone by creation_undo() until the commit, the only point of no return. The lock of
 * the container is held all the way, except while a hook runs. */
#include "verbs/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "base/utc.h"
#include "cgroup/cgroup.h"
#include "cgroup/unit.h"
#include "kernel/procfs.h"
#include "kernel/process.h"
#include "process/channel.h"
#include "process/handover.h"
#include "process/hooks.h"
#include "process/netdev.h"
#include "process/outside.h"
#include "process/scheduling.h"
#include "rootfs/rootfs.h"
#include "seccomp/seccomp.h"
#include "verbs/hook_files.h"
#include "verbs/pid_file.h"

/* How long an init that has closed its channel may take to end by itself. */
#define DEATH_MS 10000

/* What exists of a container while it is being made. */
struct creation {
	struct verb_context *context;
	const struct verb_create_options *options;
	struct prepared prepared;
	struct state_record record;
	struct state_dir dir;
	bool claimed, staged, committed, hooks_ran, starts;
	struct cgroup cgroup;
	const char *cgroup_path;
	struct resctrl_group rdt; /* what exists of it now */
	struct unit_session unit;
	struct seccomp_program filter;
	struct rootfs_sources sources;
	struct join_set join;
	struct netdev_set devices;
	int listener;
	struct hook_streams streams;
	struct created created;
};

static void undo_hooks(struct creation *c, struct error *ignored)
{
	const struct spec_hooks *hooks = c->prepared.spec->hooks;
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct hook_run run = { .kind = "poststop", .only_warn = true, .streams = &c->streams };
	size_t length;

	if (!hooks || !c->hooks_ran || !writer)
		return;
	state_print(&c->record, STATE_STOPPED, 0, writer);
	if (json_writer_text(writer, &run.state, &length, ignored) < 0)
		return;
	run.n_hooks = hooks->n_poststop;
	run.hooks = hooks->poststop;
	if (hooks_run(&run, ignored) < 0)
		error_ignore(ignored, "the creation's own error is the one to report");
}

/* The scope that was asked for may be there or not: the answer tells. */
static void undo_unit(struct creation *c, struct error *ignored)
{
	const struct plan_unit *unit = c->prepared.plan ? c->prepared.plan->cgroup.unit : NULL;

	if (unit && c->unit.asked &&
	    unit_await(&c->unit, unit, c->context->proc, c->context->arena, &c->cgroup_path,
		       ignored) < 0)
		error_ignore(ignored, "then there is nothing to undo");
	unit_close(&c->unit);
	if (unit && c->cgroup_path &&
	    unit_remove(unit->name, unit->user, c->cgroup_path, false, ignored) < 0)
		error_ignore(ignored, "undoing a failed create");
}

/* Undoes what was made, in reverse order (spec:36). An error here is only logged: the one that led here is what
 * the caller has to hear. After a hook has run the container counts as one that lived, so its poststop hooks
 * run as well (spec:25-27). */
static void creation_undo(struct creation *c)
{
	struct error ignored = ERROR_INIT;

	timeline_end(c->options->timeline);
	cleanup_fd(&c->listener);
	hook_streams_close(&c->streams);
	rootfs_sources_close(&c->sources);
	join_close(&c->join);
	if (c->committed) {
		unit_close(&c->unit);
		netdev_close(&c->devices);
		cgroup_close(&c->cgroup);
		state_dir_close(&c->dir);
		return;
	}
	/* its sockets keep the container's network namespace alive for as long as this takes */
	netdev_give_back(&c->devices);
	netdev_close(&c->devices);
	spawn_kill(&c->created.child);
	timeline_add_init(c->options->timeline, c->created.child.progress,
			  c->created.child.pid);
	cgroup_close(&c->cgroup);
	undo_unit(c, &ignored);
	if (!c->record.unit && c->cgroup.created &&
	    cgroup_destroy(c->cgroup_path, true, &ignored) < 0)
		error_ignore(&ignored, "undoing a failed create");
	else
		cgroup_remove_above(c->cgroup_path, c->cgroup.above);
	if (resctrl_remove(&c->rdt, &ignored) < 0)
		error_ignore(&ignored, "undoing a failed create");
	if (c->claimed) {
		if (state_remove(&c->context->store, c->options->id, &c->dir, &ignored) < 0)
			error_ignore(&ignored, "undoing a failed create");
		undo_hooks(c, &ignored);
	}
	state_dir_close(&c->dir);
	created_release(&c->created);
}

static char *now_text(struct arena *arena)
{
	struct timespec now;
	char date[UTC_TEXT_SIZE];

	clock_gettime(CLOCK_REALTIME, &now);
	utc_text(now.tv_sec, date);
	return arena_printf(arena, "%s.%09ldZ", date, now.tv_nsec);
}

static int begin_record(struct creation *c, struct error *err)
{
	const struct spec *spec = c->prepared.spec;
	const struct plan *plan = c->prepared.plan;
	unsigned missing;

	c->record = (struct state_record){
		.version = STATE_RECORD_VERSION,
		.id = c->options->id,
		.oci_version = spec->oci_version,
		.bundle = c->prepared.bundle,
		.rootfs = plan->rootfs.path,
		.created = now_text(c->context->arena),
		.owner = geteuid(),
		.status = STATE_CREATING,
		.cgroup = c->cgroup_path,
		.private_pid_ns = plan->namespaces.of[SPEC_NAMESPACE_PID].mode == PLAN_NS_NEW,
		.has_process = spec->process != NULL,
		.notifies = plan->process.notify_socket != NULL,
		.seccomp_agent = seccomp_notifies(plan->seccomp) ? plan->seccomp->listener_path
								 : NULL,
		.seccomp_metadata = seccomp_notifies(plan->seccomp)
					    ? plan->seccomp->listener_metadata
					    : NULL,
		.n_annotations = spec->n_annotations,
		.annotations = spec->annotations,
		.hooks = spec->hooks,
		.terminal = spec->process && spec->process->terminal,
		.resources = spec->linux_ ? spec->linux_->resources : NULL,
	};
	if (!c->record.created)
		return error_oom(err);
	if (plan->cgroup.unit) {
		c->record.unit = plan->cgroup.unit->name;
		c->record.unit_user = plan->cgroup.unit->user;
	}
	/* said before it is made, so that a tare that is killed in between leaves no unknown directory */
	missing = c->cgroup_path ? cgroup_count_missing(c->cgroup_path) : 0;
	c->record.cgroup_created = missing > 0;
	c->record.cgroup_above = missing > 0 ? missing - 1 : 0;
	return 0;
}

/* The name is ours from here on; what a killed tare left under it is cleared away first. */
static int claim_name(struct creation *c, struct error *err)
{
	_cleanup_fd_ int self = -1;
	struct state_record *stale = NULL;
	int r;

	r = state_claim(&c->context->store, c->options->id, c->context->arena, &c->dir, &stale,
			err);
	if (r < 0)
		return r;
	c->claimed = true;
	if (stale) {
		r = verb_clear_remains(c->context, stale, err);
		if (r < 0)
			return error_at(err, "clear what a killed tare left");
	}
	r = cgroup_locate(&c->prepared.plan->cgroup, c->context->proc, c->context->arena,
			  &c->cgroup_path, err);
	if (r < 0)
		return r;
	r = begin_record(c, err);
	if (r < 0)
		return r;
	r = resctrl_locate(c->prepared.plan->rdt, c->context->proc, c->context->arena,
			   &c->record.rdt, err);
	if (r < 0)
		return r;
	self = process_pidfd_open(getpid());
	if (self < 0)
		return error_errno(err, -self, "pidfd_open");
	r = state_identify(getpid(), self, c->context->proc, &c->record.holder, err);
	if (r < 0)
		return r;
	return state_write(&c->dir, &c->record, err);
}

/* The driver's helper gets ready while config.json is read. */
static int open_unit(struct creation *c, struct error *err)
{
	int r;

	if (c->context->settings->cgroup_manager != PLAN_CGROUP_SYSTEMD)
		return 0;
	r = procfs_in_initial_userns(c->context->proc);
	if (r < 0)
		return error_errno(err, -r, "examine the user namespace");
	return unit_open(geteuid() != 0 || r == 0, &c->unit, err);
}

static int ask_for_unit(struct creation *c, struct error *err)
{
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;

	return unit ? unit_begin(&c->unit, unit, err) : 0;
}

static int compile_filter(struct creation *c, struct error *err)
{
	if (!c->prepared.plan->seccomp)
		return 0;
	return seccomp_compile_by(c->context->settings->seccomp_compiler,
				  c->prepared.plan->seccomp, c->context->arena, &c->filter,
				  err);
}

static int make_cgroup(struct creation *c, struct error *err)
{
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;
	int r;

	if (unit) {
		r = unit_await(&c->unit, unit, c->context->proc, c->context->arena,
			       &c->cgroup_path, err);
		if (r < 0)
			return r;
	}
	r = cgroup_create(&c->prepared.plan->cgroup, c->cgroup_path, &c->cgroup, err);
	if (r < 0)
		return r;
	c->rdt = c->record.rdt;
	r = resctrl_make(c->prepared.plan->rdt, &c->rdt, c->context->arena, err);
	if (r < 0)
		return r;
	c->record.cgroup = c->cgroup.path;
	c->record.cgroup_created = c->cgroup.created;
	c->record.cgroup_above = c->cgroup.above;
	/* it has a say in the devices that the init makes when it assembles the root */
	if (c->prepared.plan->rootfs.place == PLAN_DETACHED)
		return 0;
	return cgroup_filter_devices(&c->prepared.plan->cgroup, &c->cgroup, err);
}

static int open_sources(struct creation *c, struct error *err)
{
	int r;

	r = rootfs_open_sources(&c->prepared.plan->rootfs, c->cgroup.fd, c->context->arena,
				&c->sources, err);
	if (r < 0)
		return r;
	r = join_open(&c->prepared.plan->namespaces, &c->join, err);
	if (r < 0)
		return r;
	/* of a joined user namespace before anyone attaches them; of a new one by map_ids() */
	if (c->join.fds[SPEC_NAMESPACE_USER] >= 0) {
		r = rootfs_idmap_sources(&c->prepared.plan->rootfs, &c->sources,
					 c->join.fds[SPEC_NAMESPACE_USER], err);
		if (r < 0)
			return r;
	}
	if (c->prepared.plan->hooks) {
		r = hook_files_open(&c->record, &c->streams, err);
		if (r < 0)
			return r;
	}
	c->listener = state_listen_start(&c->dir, err);
	return c->listener < 0 ? c->listener : 0;
}

static int spawn_child(struct creation *c, struct error *err)
{
	struct init_context init = {
		.plan = c->prepared.plan,
		.sources = &c->sources,
		.seccomp = c->prepared.plan->seccomp ? &c->filter : NULL,
		.join = &c->join,
		.proc = c->context->proc,
		.listener = c->listener,
		.connection = -1,
		.streams = c->streams,
		.root = -1,
		.terminal = -1,
		.arena = c->context->arena,
		.timed = c->options->timeline != NULL,
	};
	struct child *child = &c->created.child;
	int r;

	r = spawn_init(&init, c->cgroup.fd, child, err);
	if (r < 0)
		return r;
	/* before it forks anything */
	r = resctrl_join(&c->rdt, child->pid, err);
	if (r == -ESRCH)
		error_ignore(err, "it has failed, and its word is the cause");
	else if (r < 0)
		return r;
	unit_release(&c->unit, c->prepared.plan->cgroup.unit);
	/* from here on only the init can be started through the socket */
	cleanup_fd(&c->listener);
	return 0;
}

/* An init that is gone is no error here: what it said last is read next. */
static int send_to_init(struct creation *c, enum channel_type type, int fd, struct error *err)
{
	int r;

	r = channel_send(c->created.child.channel, type, 0, NULL, fd);
	return r < 0 && r != -EPIPE && r != -ECONNRESET ? error_errno(err, -r, "send to init")
							: 0;
}

static int open_userns(const struct creation *c, struct error *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "%d/ns/user", (int)c->created.child.pid);
	fd = openat(c->context->proc, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, errno, "open /proc/%s", path) : fd;
}

static int map_ids(struct creation *c, struct error *err)
{
	const struct plan_namespaces *plan = &c->prepared.plan->namespaces;
	_cleanup_fd_ int userns = -1;
	int r;

	r = spawn_map_ids(plan, &c->created.child, c->context->proc, err);
	if (r < 0)
		return r;
	/* while an init that waits for its ids still has /proc files of the caller's (init_run()) */
	r = spawn_settle(&c->prepared.plan->process, &c->created.child, c->context->proc, err);
	if (r < 0)
		return r;
	if (!plan->new_userns)
		return 0;
	userns = open_userns(c, err);
	if (userns < 0)
		return userns;
	return rootfs_idmap_sources(&c->prepared.plan->rootfs, &c->sources, userns, err);
}

static int move_devices(struct creation *c, struct error *err)
{
	const struct plan *plan = c->prepared.plan;
	int target, r = 0;

	if (plan->n_net_devices > 0) {
		target = netdev_open_namespace(&plan->namespaces, &c->join, &c->created.child,
					       c->context->proc);
		if (target < 0 && process_wait_end(c->created.child.pidfd, 0) == 0)
			return 0; /* it has failed, and its word is the cause */
		if (target < 0)
			return error_errno(err, -target,
					   "linux.netDevices: open the container's network "
					   "namespace");
		r = netdev_move(plan, c->context->proc, target, c->context->arena, &c->devices,
				err);
	}
	if (r < 0 || !(plan->namespaces.new_userns || plan->n_net_devices > 0))
		return r;
	return send_to_init(c, CHANNEL_GO, -1, err);
}

/* With the root assembled outside the init has something to do meanwhile. */
static int filter_devices(struct creation *c, struct error *err)
{
	if (c->prepared.plan->rootfs.place != PLAN_DETACHED)
		return 0;
	return cgroup_filter_devices(&c->prepared.plan->cgroup, &c->cgroup, err);
}

static int assemble_outside(struct creation *c, struct error *err)
{
	const struct outside outside = {
		.plan = c->prepared.plan,
		.sources = &c->sources,
		.join = &c->join,
		.child = &c->created.child,
		.proc = c->context->proc,
	};

	if (c->prepared.plan->rootfs.place != PLAN_DETACHED)
		return 0;
	return outside_assemble(&outside, err);
}

static int record_init(struct creation *c, struct error *err)
{
	const struct child *child = &c->created.child;
	int r;

	r = state_identify(child->pid, child->pidfd, c->context->proc, &c->record.init, err);
	if (r < 0)
		return r;
	return state_write(&c->dir, &c->record, err);
}

/* What the commit makes valid. The holder stays in it until the init knows: should this process be killed in
 * between, the init dies with it, and a dead holder says that the name is free. */
static struct state_record committed_record(const struct creation *c)
{
	struct state_record record = c->record;

	record.status = STATE_CREATED;
	record.rdt = c->rdt;
	if (c->prepared.plan->rdt && !c->prepared.plan->rdt->remove)
		record.rdt.clos_made = false; /* it stays (spec:226) */
	return record;
}

static int stage_record(struct creation *c, struct error *err)
{
	const struct state_record record = committed_record(c);
	int r;

	r = state_stage(&c->dir, &record, err);
	c->staged = r >= 0;
	return r;
}

/* The namespaces that a process that is added later has to enter. */
static uint64_t own_namespaces(const struct plan_namespaces *plan)
{
	enum spec_namespace_type type;
	uint64_t flags = 0;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++)
		if (plan->of[type].mode != PLAN_NS_INHERIT)
			flags |= spec_namespace_flag(type);
	return flags;
}

static int record_for_exec(struct creation *c, struct error *err)
{
	const struct plan *plan = c->prepared.plan;
	const struct state_exec exec = {
		.namespaces = own_namespaces(&plan->namespaces),
		.foreign_root = plan->rootfs.mount_ns != PLAN_NS_NEW,
		.deny_setgroups = plan->namespaces.deny_setgroups,
		.no_new_keyring = plan->process.keyring == NULL,
		.filter = c->filter.length > 0,
		.spec = c->prepared.spec,
	};

	int r = state_write_exec(&c->dir, &exec, &c->filter, err);

	/* the init is busy still; but hooks run without the lock, so with them the record waits for the commit */
	return r < 0 || plan->hooks ? r : stage_record(c, err);
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
	return send_to_init(c, type, file, err);
}

static int run_runtime_hooks(struct creation *c, struct error *err)
{
	const struct spec_hooks *hooks = c->prepared.spec->hooks;
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct hook_run run = { .kind = "prestart", .streams = &c->streams };
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

/* The root is assembled: the hooks of the runtime's side run here, those of the container's side in the init,
 * which gets the state as its own namespace counts (spec:15, spec:16). The lock is down meanwhile; the record
 * says creating and names this process. */
static int serve_hooks(struct creation *c, struct error *err)
{
	pid_t inner;
	int r;

	c->hooks_ran = true;
	state_unlock(&c->dir);
	r = run_runtime_hooks(c, err);
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

static int serve_terminal(struct creation *c, struct channel_message *message,
			  struct error *err)
{
	const char *path = c->options->console_socket;

	if (message->fd < 0)
		return error_set(err, EBADMSG, "the terminal came without a descriptor");
	if (path)
		return handover_terminal(path, message->fd, (unsigned)message->value, err);
	c->created.master = steal_fd(&message->fd);
	return 0;
}

/* Why the init is gone without having said so. */
static int explain_death(struct creation *c, struct error *err)
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
static int wait_until_it_stands(struct creation *c, struct error *err)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r;

	for (;;) {
		r = channel_receive(c->created.child.channel, &message);
		if (r == 0 || r == -ECONNRESET)
			return explain_death(c, err);
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
			r = serve_terminal(c, &message, err);
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

/* After hooks the lock is taken again: if the container was deleted meanwhile, this fails. */
static int take_lock_again(struct creation *c, struct error *err)
{
	if (c->dir.lock >= 0)
		return 0;
	return state_lock(&c->context->store, c->options->id, &c->dir, -1, err);
}

/* To whoever wants a pidfd of the init: --pidfd-socket, and crun's annotation of the same meaning. */
static int hand_over_pidfd(const struct creation *c, struct error *err)
{
	const char *receiver = plan_annotation(c->record.annotations, c->record.n_annotations,
					       "run.oci.pidfd_receiver");
	int pidfd = c->created.child.pidfd, r = 0;

	if (c->options->pidfd_socket)
		r = handover_pidfd(c->options->pidfd_socket, pidfd, "standard", err);
	if (r < 0 || !receiver)
		return r;
	r = handover_pidfd(receiver, pidfd, "standard", err);
	return r < 0 ? error_at(err, "annotations[run.oci.pidfd_receiver]") : 0;
}

static int commit(struct creation *c, struct error *err)
{
	struct child *child = &c->created.child;
	int r;

	r = take_lock_again(c, err);
	if (r < 0)
		return r;
	r = hand_over_pidfd(c, err);
	if (r < 0)
		return r;
	if (c->options->pid_file) {
		r = pid_file_write(c->options->pid_file, child->pid, c->context->arena, err);
		if (r < 0)
			return r;
	}
	r = c->staged ? 0 : stage_record(c, err);
	if (r >= 0)
		r = state_publish(&c->dir, c->record.id, err);
	if (r >= 0) {
		c->record = committed_record(c);
		r = channel_send(child->channel, CHANNEL_COMMIT, 0, NULL, -1);
		if (r == -EPIPE || r == -ECONNRESET)
			r = explain_death(c, err);
		else if (r < 0)
			error_errno(err, -r, "tell init that it is recorded");
	}
	/* a start that follows at once writes a record without the holder (record_running()) */
	if (r >= 0 && !(c->starts && !c->prepared.plan->hooks)) {
		c->record.holder = (struct state_identity){ 0 };
		r = state_write(&c->dir, &c->record, err);
	}
	if (r < 0) {
		if (c->options->pid_file)
			unlink(c->options->pid_file);
		return r;
	}
	c->committed = true;
	return 0;
}

static int settle(struct creation *c, struct error *err)
{
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;
	int r;

	if (unit) {
		r = unit_settle(&c->unit, unit, err);
		if (r < 0)
			return r;
	}
	return cgroup_late_writes(&c->prepared.plan->cgroup, &c->cgroup, err);
}

/* The story, a line a step. */
static const struct {
	const char *name; /* for the timeline */
	int (*run)(struct creation *c, struct error *err);
} steps[] = {
	/* the state directory, its lock, the first record */
	{ "claiming the name", claim_name },
	/* the systemd driver: the answer is read when the cgroup is made */
	{ "asking for the unit", ask_for_unit },
	{ "compiling the seccomp filter", compile_filter },
	/* with limits in force, and the device filter where the init makes devices */
	{ "making the cgroup", make_cgroup },
	/* bind sources, namespaces to join, the start socket */
	{ "opening the sources", open_sources },
	/* born in its cgroup and namespaces; see process/init.c for its stages */
	{ "cloning the init", spawn_child },
	/* and oom_score_adj */
	{ "mapping the ids", map_ids },
	/* before hooks, sysctls and sysfs see the network; the init has waited for both */
	{ "moving the network devices", move_devices },
	/* while the init makes its network namespace */
	{ "filtering devices", filter_devices },
	/* while the init makes its session, its mount namespace, ... */
	{ "assembling the root outside", assemble_outside },
	/* after what the init waits for: until then it dies with this process, and so needs no record */
	{ "recording the init", record_init },
	{ "recording what exec needs", record_for_exec },
	/* it finishes the root; the runtime's hooks run here */
	{ "waiting until the init stands", wait_until_it_stands },
	{ "settling the late limits", settle },
	{ "committing", commit },
};

/* A limit too small for the init itself shows in many ways: it is killed, or a call in it or about it fails. */
static int explain(const struct creation *c, const char *step, struct error *err)
{
	const volatile struct init_progress *progress = c->created.child.progress;

	cgroup_explain_oom(&c->cgroup, progress ? init_stage_name(progress->stage) : step, err);
	return -err->code;
}

int create_container(struct verb_context *context, const struct verb_create_options *options,
		     struct creation_mode mode, struct created *ret_created, struct error *err)
{
	_cleanup_(creation_undo) struct creation c = {
		.context = context,
		.options = options,
		.starts = mode.starts,
		.dir = STATE_DIR_INIT,
		.cgroup = CGROUP_INIT,
		.unit = UNIT_SESSION_INIT,
		.sources = ROOTFS_SOURCES_INIT,
		.join = JOIN_SET_INIT,
		.devices = NETDEV_SET_INIT,
		.listener = -1,
		.streams = HOOK_STREAMS_INIT,
		.created = CREATED_INIT,
	};
	size_t i;
	int r;

	r = state_check_id(options->id, err);
	if (r < 0)
		return r;
	r = open_unit(&c, err);
	if (r < 0)
		return r;
	r = prepare(context, options, mode.detached, &c.prepared, err);
	if (r < 0)
		return r;
	for (i = 0; i < ELEMENTS_OF(steps); i++) {
		timeline_step(options->timeline, steps[i].name);
		r = steps[i].run(&c, err);
		if (r < 0)
			return explain(&c, steps[i].name, err);
	}
	if (mode.starts) {
		c.created.record = c.record;
		c.created.dir = c.dir;
		c.dir = STATE_DIR_INIT;
	}
	*ret_created = c.created;
	return 0;
}
