/* delete: ends what has to be ended, undoes what create has made, forgets the container, and only then runs
 * its poststop hooks, without the lock. Every wait is on a pidfd or on cgroup.events; nothing sleeps and
 * looks again. The record goes last, so that a delete that was killed half way can be repeated. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/unit.h"
#include "kernel/process.h"
#include "process/hooks.h"
#include "verbs/belonging.h"
#include "verbs/hook_files.h"
#include "verbs/observe.h"

/* For the lock, and for a process to end after SIGKILL (contract 7.7: 100 times 100 ms). */
#define PATIENCE_MS 10000

/* Kills a process and waits until it has ended. @pidfd: of it, or -ESRCH, then that is all. */
static int end_opened(int pidfd, pid_t pid, const char *what, struct error *err)
{
	int r;

	if (pidfd == -ESRCH || (pidfd != -EXDEV && pid == getpid()))
		return 0;
	if (pidfd < 0)
		return error_errno(err, -pidfd, "open the %s, process %d", what, (int)pid);
	r = process_pidfd_signal(pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return error_errno(err, -r, "kill the %s, process %d", what, (int)pid);
	r = process_wait_end(pidfd, PATIENCE_MS);
	if (r < 0)
		return error_errno(err, -r, "wait for the end of the %s, process %d", what,
				   (int)pid);
	return 0;
}

/* Kills the process that @identity names, if it still lives, and waits until it has ended. */
static int end_process(struct verb_context *context, const struct state_identity *identity,
		       const char *what, struct error *err)
{
	_cleanup_fd_ int pidfd = state_open_process(identity, context->proc);

	return end_opened(pidfd, identity->pid, what, err);
}

/* Kills what is left in the cgroup and removes it. */
static int destroy_cgroup(const struct state_record *record, struct error *err)
{
	bool ask = false;
	size_t i;
	int r;

	if (!record->unit) {
		r = cgroup_destroy(record->cgroup, record->cgroup_created, err);
		if (r >= 0)
			cgroup_remove_above(record->cgroup, record->cgroup_above);
		return r;
	}
	/* what can make systemd keep a unit that has failed */
	for (i = 0; i < record->n_annotations; i++)
		ask = ask || strcmp(record->annotations[i].key,
				    "org.systemd.property.CollectMode") == 0;
	return unit_remove(record->unit, record->unit_user, record->cgroup, ask, err);
}

int verb_clear_remains(struct verb_context *context, struct state_record *stale,
		       struct error *err)
{
	int r;

	r = end_process(context, &stale->init, "init", err);
	if (r >= 0)
		r = belonging_check(context, stale, err);
	if (r < 0)
		return r;
	/* The path is written down before the cgroup is made. If it was there before, who is in it need not be
	 * ours: then only init was. */
	if (stale->unit || (stale->cgroup && stale->cgroup_created))
		r = destroy_cgroup(stale, err);
	return r < 0 ? r : resctrl_remove(&stale->rdt, err);
}

/* The command that holds the lock: the one that makes the container says so in the record, others the kernel knows. */
static int end_holder(struct verb_context *context, const struct state_record *record,
		      const struct state_dir *dir, struct error *err)
{
	static const char what[] = "command that holds the lock";
	_cleanup_fd_ int pidfd = -1;
	pid_t pid = 0;
	int r;

	r = end_process(context, &record->holder, what, err);
	if (r < 0)
		return r;
	pidfd = state_open_holder(dir, context->proc, &pid);
	return end_opened(pidfd, pid, what, err);
}

/* What is done with a container that runs, such as a long dump, ends with it. */
static int end_running(struct verb_context *context, const char *id,
		       const struct state_dir *dir, struct error *err)
{
	struct verb_container container;
	int r;

	r = observe(context, dir, id, &container, err);
	if (r < 0) {
		error_ignore(err, "with the lock it is looked at again");
		return 0;
	}
	if (container.status != STATE_RUNNING && container.status != STATE_PAUSED)
		return 0;
	r = state_check_reachable(container.record, context->proc, err);
	return r < 0 ? r : end_process(context, &container.record->init, "init", err);
}

/* Takes the lock. With @force, a container that runs is not left to whoever holds it: it ends at once, as it is about
 * to anyway; and a command that holds it for too long is ended, and init with it, for whose sake it may be waiting. */
static int take_lock(struct verb_context *context, const char *id, struct state_dir *dir,
		     bool force, struct error *err)
{
	struct verb_container container;
	int r;

	r = state_lock(&context->store, id, dir, force ? 0 : PATIENCE_MS, err);
	if (r != -EWOULDBLOCK || !force)
		return r;
	error_ignore(err, "it is waited for");
	r = end_running(context, id, dir, err);
	if (r >= 0)
		r = state_lock(&context->store, id, dir, PATIENCE_MS, err);
	if (r != -ETIMEDOUT)
		return r;
	error_ignore(err, "delete --force ends who holds the lock");
	r = observe(context, dir, id, &container, err);
	if (r >= 0)
		r = state_check_reachable(container.record, context->proc, err);
	if (r < 0)
		return r;
	r = end_holder(context, container.record, dir, err);
	if (r < 0)
		return r;
	r = end_process(context, &container.record->init, "init", err);
	if (r < 0)
		return r;
	return state_lock(&context->store, id, dir, PATIENCE_MS, err);
}

/* Undoes what create has made, all but the record. */
static int destroy(struct verb_context *context, const struct verb_container *container,
		   struct error *err)
{
	struct state_record *record = container->record;
	int r = 0;

	/* Written down by a create that did not come to its end; one that still lives is ended first, so that it
	 * makes nothing new (delete --force). */
	if (record->status == STATE_CREATING) {
		r = end_process(context, &record->holder, "command that creates it", err);
		if (r < 0)
			return r;
		return verb_clear_remains(context, record, err);
	}
	if (container->status != STATE_STOPPED)
		r = end_process(context, &record->init, "init", err);
	if (r < 0)
		return r;
	r = destroy_cgroup(record, err);
	return r < 0 ? r : resctrl_remove(&record->rdt, err);
}

static int run_poststop(const struct state_record *record, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	_cleanup_(hook_streams_close) struct hook_streams streams = HOOK_STREAMS_INIT;
	struct hook_run run = { .kind = "poststop", .only_warn = true, .streams = &streams };
	size_t length;
	int r;

	if (!record->hooks || record->hooks->n_poststop == 0)
		return 0;
	writer = json_writer_new(NULL);
	if (!writer)
		return error_oom(err);
	state_print(record, STATE_STOPPED, 0, writer);
	r = hook_files_open(record, &streams, err);
	if (r < 0)
		return r;
	r = json_writer_text(writer, &run.state, &length, err);
	if (r < 0)
		return r;
	run.n_hooks = record->hooks->n_poststop;
	run.hooks = record->hooks->poststop;
	return hooks_run(&run, err);
}

/* A record that can't be read: what it spoke of is unknown, so that only --force gives it up. One of a newer
 * tare is for that one to delete. */
static int give_up(struct verb_context *context, const char *id, struct state_dir *dir,
		   struct error *err)
{
	/* what only failed at this moment can be read the next time, and says which cgroup to remove */
	if (err->code == EPROTO || err->code == EMFILE || err->code == ENFILE ||
	    err->code == ENOMEM || err->code == EIO)
		return -err->code;
	trace_warning("container %s is forgotten: %s", id, err->text);
	error_ignore(err, "delete --force was asked for");
	return state_remove(&context->store, id, dir, err);
}

static int delete_locked(struct verb_context *context, const char *id, bool force,
			 struct state_dir *dir, struct verb_container *container,
			 struct error *err)
{
	int r;

	r = observe(context, dir, id, container, err);
	if (r < 0) {
		container->recorded = false;
		return force ? give_up(context, id, dir, err) : r;
	}
	if (!container->recorded) {
		r = state_remove(&context->store, id, dir, err);
		if (r < 0 || force)
			return r;
		return error_set(err, ENOENT, "container does not exist");
	}
	r = state_check_reachable(container->record, context->proc, err);
	if (r < 0)
		return r;
	if (!force && container->status != STATE_STOPPED && container->status != STATE_CREATED)
		return error_set(err, EBUSY,
				 "cannot delete container %s that is not stopped: %s", id,
				 state_status_name(container->status));
	r = destroy(context, container, err);
	if (r < 0)
		return r;
	return state_remove(&context->store, id, dir, err);
}

int verb_delete(struct verb_context *context, const char *id, bool force, struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container = { .recorded = false };
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r == 0)
		r = take_lock(context, id, &dir, force, err);
	if (r == -ENOENT && force) {
		error_ignore(err, "delete --force of nothing has nothing to do");
		return 0;
	}
	if (r < 0)
		return r;
	r = delete_locked(context, id, force, &dir, &container, err);
	state_unlock(&dir);
	if (r < 0 || !container.recorded)
		return r;
	return run_poststop(container.record, err);
}
