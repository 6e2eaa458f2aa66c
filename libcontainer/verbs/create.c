/* create: the story of how a container comes to be. create_container() is its table of contents; each resource
 * that a line brings is undone by create_undo() until the commit, the only point of no return. The lock of
 * the container is held all the way, except while a hook runs. */
#include "verbs/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/unit.h"
#include "kernel/procfs.h"
#include "kernel/process.h"
#include "process/channel.h"
#include "process/hooks.h"
#include "process/netdev.h"
#include "process/outside.h"
#include "process/userns.h"
#include "rootfs/rootfs.h"
#include "seccomp/seccomp.h"
#include "verbs/belonging.h"
#include "verbs/hook_files.h"

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

/* A scope and the slices above it are systemd's. */
static void undo_cgroup(struct creation *c, struct error *ignored)
{
	bool remove = c->cgroup.created || c->cgroup.inherited;

	if (c->record.unit)
		return;
	if ((remove || c->cgroup.delegates) &&
	    cgroup_destroy(c->cgroup_path, remove, ignored) < 0)
		error_ignore(ignored, "undoing a failed create");
	else
		cgroup_remove_above(c->cgroup_path, c->cgroup.above);
}

/* Undoes what was made, in reverse order (spec:36). An error here is only logged: the one that led here is what
 * the caller has to hear. After a hook has run the container counts as one that lived, so its poststop hooks
 * run as well (spec:25-27). */
void create_undo(struct creation *c)
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
	/* the helper keeps the container's network namespace alive for as long as this takes */
	netdev_give_back(&c->devices);
	netdev_close(&c->devices);
	spawn_kill(&c->created.child);
	timeline_add_init(c->options->timeline, c->created.child.progress,
			  c->created.child.pid);
	cgroup_close(&c->cgroup);
	undo_unit(c, &ignored);
	undo_cgroup(c, &ignored);
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

/* The driver's helper gets ready while config.json is read. */
int create_open_unit(struct creation *c, struct error *err)
{
	int r;

	if (c->context->settings->cgroup_manager != PLAN_CGROUP_SYSTEMD)
		return 0;
	r = procfs_in_initial_userns(c->context->proc);
	if (r < 0)
		return error_errno(err, -r, "examine the user namespace");
	return unit_open(geteuid() != 0 || r == 0, &c->unit, err);
}

int create_ask_for_unit(struct creation *c, struct error *err)
{
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;

	return unit ? unit_begin(&c->unit, unit, err) : 0;
}

int create_compile_filter(struct creation *c, struct error *err)
{
	return prepare_filter(c->context, c->prepared.plan, &c->filter, err);
}

int create_make_cgroup(struct creation *c, struct error *err)
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
	if (r >= 0)
		r = belonging_inherit(c->context, c->options->id, &c->cgroup, err);
	if (r < 0)
		return r;
	c->rdt = c->record.rdt;
	r = resctrl_make(c->prepared.plan->rdt, &c->rdt, c->context->arena, err);
	if (r < 0)
		return r;
	c->record.cgroup = c->cgroup.path;
	c->record.cgroup_id = c->cgroup.id;
	c->record.cgroup_created = c->cgroup.created || c->cgroup.inherited;
	c->record.cgroup_above = c->cgroup.above;
	c->record.oom_kills_before = c->cgroup.oom_kills;
	/* it has a say in the devices that the init makes when it assembles the root */
	if (c->prepared.plan->rootfs.place == PLAN_DETACHED || c->restored)
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

/* Where the user's service manager would have to put the init. */
static struct unit_seat find_seat(struct creation *c)
{
	const struct plan_cgroup *plan = &c->prepared.plan->cgroup;
	struct arena *arena = c->context->arena;
	struct unit_seat seat = {
		.session = &c->unit,
		.unit = plan->unit ? plan->unit->name : NULL,
		.below = "",
		.path = c->cgroup.path ? c->cgroup.path : "",
		.proc = c->context->proc,
		.arena = arena,
	};

	if (c->cgroup.subgroup >= 0) {
		seat.below = arena_printf(arena, "/%s", plan->subgroup);
		seat.path = arena_printf(arena, "%s/%s", c->cgroup.path, plan->subgroup);
	}
	return seat;
}

static int spawn_child(struct creation *c, struct error *err)
{
	struct init_context init = {
		.plan = c->prepared.plan,
		.sources = &c->sources,
		.seccomp = c->filter.length > 0 ? &c->filter : NULL,
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
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;
	struct unit_seat seat = find_seat(c);
	const struct entry entry = {
		.cgroup = cgroup_birthplace(&c->cgroup),
		.move = unit && unit->user ? unit_move : NULL,
		.data = &seat,
	};
	struct child *child = &c->created.child;
	int r;

	if (!seat.below || !seat.path)
		return error_oom(err);
	r = spawn_init(&init, &entry, child, err);
	if (r < 0)
		return r;
	/* before it forks anything */
	r = resctrl_join(&c->rdt, child->pid, err);
	if (r == -ESRCH)
		error_ignore(err, "it has failed, and its word is the cause");
	else if (r < 0)
		return r;
	unit_release(&c->unit, unit);
	/* from here on only the init can be started through the socket */
	cleanup_fd(&c->listener);
	return 0;
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

/* The helper gets ready while the init is made. */
static int start_mover(struct creation *c, struct error *err)
{
	if (c->prepared.plan->n_net_devices == 0)
		return 0;
	return netdev_start(c->context->proc, &c->devices, err);
}

static int move_devices(struct creation *c, struct error *err)
{
	const struct plan *plan = c->prepared.plan;
	_cleanup_fd_ int target = -1;
	int r = 0;

	if (plan->n_net_devices > 0) {
		target = netdev_open_namespace(&plan->namespaces, &c->join, &c->created.child,
					       c->context->proc);
		if (target < 0 && process_wait_end(c->created.child.pidfd, 0) == 0)
			return 0; /* it has failed, and its word is the cause */
		if (target < 0)
			return error_errno(err, -target,
					   "linux.netDevices: open the container's network "
					   "namespace");
		r = netdev_move(&c->devices, plan, target, err);
	}
	if (r < 0 || !(plan->namespaces.new_userns || plan->n_net_devices > 0))
		return r;
	return create_send(c, CHANNEL_GO, -1, err);
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

int create_settle(struct creation *c, struct error *err)
{
	const struct plan_unit *unit = c->prepared.plan->cgroup.unit;
	int r;

	if (unit) {
		r = unit_settle(&c->unit, unit, err);
		if (r < 0)
			return r;
	}
	return cgroup_settle(&c->prepared.plan->cgroup, &c->cgroup, c->created.child.pid, err);
}

/* The story, a line a step. */
static const struct {
	const char *name; /* for the timeline */
	int (*run)(struct creation *c, struct error *err);
} steps[] = {
	/* linux.netDevices: it is asked when the init waits */
	{ "starting the network devices' helper", start_mover },
	/* the state directory, its lock, the first record */
	{ "claiming the name", create_claim_name },
	/* the systemd driver: the answer is read when the cgroup is made */
	{ "asking for the unit", create_ask_for_unit },
	{ "compiling the seccomp filter", create_compile_filter },
	/* with limits in force, and the device filter where the init makes devices */
	{ "making the cgroup", create_make_cgroup },
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
	{ "recording the init", create_record_init },
	{ "recording what exec needs", create_record_for_exec },
	/* it finishes the root; the runtime's hooks run here */
	{ "waiting until the init stands", create_serve },
	{ "settling the late limits", create_settle },
	{ "committing", create_commit },
};

/* A limit too small for the init itself shows in many ways: it is killed, or a call in it or about it fails. */
static int explain(const struct creation *c, const char *step, struct error *err)
{
	const volatile struct init_progress *progress = c->created.child.progress;

	cgroup_explain_oom(&c->cgroup, progress ? init_stage_name(progress->stage) : step, err);
	return progress ? userns_hint_inside(c->context->proc, err) : -err->code;
}

int create_container(struct verb_context *context, const struct verb_create_options *options,
		     struct creation_mode mode, struct created *ret_created, struct error *err)
{
	_cleanup_(create_undo) struct creation c = {
		.context = context,
		.options = options,
		.starts = mode.starts,
		CREATION_INIT,
	};
	size_t i;
	int r;

	c.created.interruption = mode.interruption;
	r = state_check_id(options->id, err);
	if (r < 0)
		return r;
	r = create_open_unit(&c, err);
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
