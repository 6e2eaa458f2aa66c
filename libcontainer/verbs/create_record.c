/* What the state directory says while a container is made: first that someone makes it, at the end, by one rename,
 * that it is there. A tare that is killed in between leaves a record by which the next one clears away: nothing is
 * made that the record has not named before. */
#include "verbs/create.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utc.h"
#include "kernel/process.h"
#include "process/handover.h"
#include "verbs/pid_file.h"

static char *now_text(struct arena *arena)
{
	struct timespec now;
	char date[UTC_TEXT_SIZE];

#ifdef __LP64__
	/* not by the vDSO, whose first use is three page faults */
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
#else
	clock_gettime(CLOCK_REALTIME, &now);
#endif
	utc_text(now.tv_sec, date);
	return arena_printf(arena, "%s.%09ldZ", date, now.tv_nsec);
}

/* Those that the container has in this way, as CLONE_NEW*. */
static uint64_t namespaces_in(const struct plan_namespaces *plan, enum plan_ns_mode mode)
{
	enum spec_namespace_type type;
	uint64_t flags = 0;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++)
		if (plan->of[type].mode == mode)
			flags |= spec_namespace_flag(type);
	return flags;
}

/* For checkpoint: pipes and sockets have no file system that would tell whose they are. The init has this process's,
 * unless it gets a terminal. */
static int note_streams(struct creation *c, struct error *err)
{
	char path[32], link[64];
	ssize_t n;
	int fd;

	c->record.streams_known = true;
	for (fd = 0; fd < STATE_STREAMS && !c->record.terminal; fd++) {
		snprintf(path, sizeof path, "self/fd/%d", fd);
		n = readlinkat(c->context->proc, path, link, sizeof link);
		if (n < 0 || n == sizeof link)
			continue;
		link[n] = '\0';
		if (strncmp(link, "pipe:", 5) != 0 && strncmp(link, "socket:", 7) != 0)
			continue;
		c->record.streams[fd] = arena_strdup(c->context->arena, link);
		if (!c->record.streams[fd])
			return error_oom(err);
	}
	return 0;
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
		.joined = namespaces_in(&plan->namespaces, PLAN_NS_JOIN),
		.no_checkpoint = plan_checkpoint_obstacle(plan),
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
	return note_streams(c, err);
}

/* compat: below Linux 6.14 a process is known by its number and its start time alone; the verbs that come later
 * go by what the record has. */
static void drop_unused(const struct creation *c, struct state_identity *identity)
{
	if (!c->prepared.caps.pidfs_id)
		identity->has_pidfs_id = false;
}

/* The name is ours from here on; what a killed tare left under it is cleared away first. */
int create_claim_name(struct creation *c, struct error *err)
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
	drop_unused(c, &c->record.holder);
	return state_write(&c->dir, &c->record, c->context->arena, err);
}

int create_record_init(struct creation *c, struct error *err)
{
	const struct child *child = &c->created.child;
	int r;

	c->record.init.pid_ns = c->record.holder.pid_ns;
	r = state_identify_further(child->pid, child->pidfd, c->context->proc, &c->record.init,
				   err);
	if (r < 0)
		return r;
	drop_unused(c, &c->record.init);
	return state_write(&c->dir, &c->record, c->context->arena, err);
}

/* What the commit makes valid. The holder stays in it until the init knows: should this process be killed in
 * between, the init dies with it, and a dead holder says that the name is free. */
static struct state_record committed_record(const struct creation *c)
{
	struct state_record record = c->record;

	record.status = c->restored ? STATE_RUNNING : STATE_CREATED;
	record.rdt = c->rdt;
	if (c->prepared.plan->rdt && !c->prepared.plan->rdt->remove)
		record.rdt.clos_made = false; /* it stays (spec:226) */
	return record;
}

static int stage_record(struct creation *c, struct error *err)
{
	const struct state_record record = committed_record(c);
	int r;

	r = state_stage(&c->dir, &record, c->context->arena, err);
	c->staged = r >= 0;
	return r;
}

int create_record_for_exec(struct creation *c, struct error *err)
{
	const struct plan *plan = c->prepared.plan;
	const struct state_exec exec = {
		/* what a process that is added later has to enter */
		.namespaces = namespaces_in(&plan->namespaces, PLAN_NS_NEW) |
			      namespaces_in(&plan->namespaces, PLAN_NS_JOIN),
		.foreign_root = plan->rootfs.mount_ns != PLAN_NS_NEW,
		.deny_setgroups = plan->namespaces.deny_setgroups,
		.no_new_keyring = plan->process.keyring == NULL,
		.filter = c->filter.length > 0,
		.subgroup = plan->cgroup.subgroup,
		.delegate_to = plan->cgroup.delegate_to,
		.spec = c->prepared.spec,
	};

	int r = state_write_exec(&c->dir, &exec, &c->filter, c->context->arena, err);

	/* the init is busy still; but hooks run without the lock, so with them the record waits for the commit */
	return r < 0 || plan->hooks ? r : stage_record(c, err);
}

/* After hooks the lock is taken again: if the container was deleted meanwhile, this fails. */
static int take_lock_again(struct creation *c, struct error *err)
{
	if (c->dir.locked)
		return 0;
	return state_lock(&c->context->store, c->options->id, &c->dir, -1, err);
}

/* To whoever wants a pidfd of the init: --pidfd-socket, and crun's annotation of the same meaning. */
static int hand_over_pidfd(const struct creation *c, struct error *err)
{
	const char *receiver = spec_find_pair(c->record.annotations, c->record.n_annotations,
					      "run.oci.pidfd_receiver");
	int pidfd = c->created.child.pidfd, r = 0;

	if (c->options->pidfd_socket)
		r = handover_pidfd(c->options->pidfd_socket, pidfd, "standard", err);
	if (r < 0 || !receiver)
		return r;
	r = handover_pidfd(receiver, pidfd, "standard", err);
	return r < 0 ? error_at(err, "annotations[run.oci.pidfd_receiver]") : 0;
}

int create_commit(struct creation *c, struct error *err)
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
		/* the init lives on from the next message on, and the devices with it */
		netdev_keep(&c->devices);
		r = c->restored ? 0 : channel_send(child->channel, CHANNEL_COMMIT, 0, NULL, -1);
		if (r == -EPIPE || r == -ECONNRESET)
			r = create_explain_death(c, err);
		else if (r < 0)
			error_errno(err, -r, "tell init that it is recorded");
	}
	/* a start that follows at once writes a record without the holder (record_running()) */
	if (r >= 0 && !(c->starts && !c->prepared.plan->hooks)) {
		c->record.holder = (struct state_identity){ 0 };
		r = state_write(&c->dir, &c->record, c->context->arena, err);
	}
	if (r < 0) {
		if (c->options->pid_file)
			unlink(c->options->pid_file);
		return r;
	}
	c->committed = true;
	return 0;
}
