/* state and list: what containers are doing at this moment. Neither takes a lock, so both answer while a
 * container is being made or a hook of it runs. "paused" is nothing that the record could know: whoever
 * may write to the cgroup can freeze it, so cgroup.events is asked. */
#include "verbs/observe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "spec/spec.h"
#include "verbs/belonging.h"
#include "verbs/ending.h"

#define LOOKS_MAX 20
#define LOCK_MS 10000

static bool is_frozen(const char *cgroup)
{
	struct error err = ERROR_INIT;
	int r;

	if (!cgroup)
		return false;
	r = cgroup_frozen(cgroup, &err);
	if (r < 0)
		error_ignore(&err, "a cgroup that can't be read is not known to be frozen");
	return r > 0;
}

int observe_life(struct verb_context *context, const struct state_dir *dir, const char *id,
		 struct verb_container *ret_container, struct error *err)
{
	struct verb_container container = { .recorded = true };
	int r;

	r = state_read(dir, context->arena, &container.record, err);
	if (r == -ENODATA) {
		error_ignore(err, "between mkdir and the first record, or killed there");
		container.recorded = false;
		container.record = arena_alloc(context->arena, sizeof *container.record);
		if (!container.record)
			return error_oom(err);
		/* callers parse the version and the time even of a container that never was;
		 * the time is theirs for "unknown", Go's zero */
		*container.record = (struct state_record){ .id = id,
							   .status = STATE_CREATING,
							   .oci_version = SPEC_VERSION,
							   .created = "0001-01-01T00:00:00Z" };
	} else if (r < 0) {
		return r;
	}
	container.status = state_status_now(dir, container.record, context->proc);
	if (container.status == STATE_STOPPED) {
		r = belonging_check(context, container.record, err);
		if (r < 0)
			return r;
	}
	if (container.status != STATE_STOPPED)
		container.pid = container.record->init.pid;
	*ret_container = container;
	return 0;
}

int observe(struct verb_context *context, const struct state_dir *dir, const char *id,
	    struct verb_container *ret_container, struct error *err)
{
	int r = observe_life(context, dir, id, ret_container, err);

	if (r >= 0 &&
	    (ret_container->status == STATE_RUNNING ||
	     ret_container->status == STATE_CREATED) &&
	    is_frozen(ret_container->record->cgroup))
		ret_container->status = STATE_PAUSED;
	return r;
}

int observe_locked(struct verb_context *context, const char *id, struct state_dir *ret_dir,
		   struct verb_container *ret_container, struct error *err)
{
	int r;

	r = state_open_dir(&context->store, id, ret_dir, err);
	if (r < 0)
		return r;
	r = state_lock(&context->store, id, ret_dir, LOCK_MS, err);
	if (r < 0)
		return r;
	r = observe(context, ret_dir, id, ret_container, err);
	if (r < 0)
		return r;
	if (!ret_container->recorded)
		return error_set(err, ENOENT, "container does not exist");
	return state_check_reachable(ret_container->record, context->proc, err);
}

/* How a container that has stopped came to its end; one that was never made whole had none. */
static int add_exit(struct verb_context *context, const struct state_dir *dir,
		    struct verb_container *container, struct error *err)
{
	struct state_exit *exit;

	if (container->status != STATE_STOPPED || container->record->status == STATE_CREATING)
		return 0;
	exit = arena_alloc(context->arena, sizeof *exit);
	if (!exit)
		return error_oom(err);
	ending_look(context, dir, container->record, exit);
	container->record->exit = exit;
	return 0;
}

/* Looks at a container once. */
static int look(struct verb_context *context, const char *id,
		struct verb_container *ret_container, struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = observe(context, &dir, id, ret_container, err);
	if (r < 0)
		return r;
	r = state_check_reachable(ret_container->record, context->proc, err);
	if (r < 0 && r != -EXDEV)
		return r;
	if (r < 0) {
		/* its number would be that of another process here */
		ret_container->pid = 0;
		trace_warning("%s; the status is the last one known", err->text);
		error_ignore(err, "what was recorded is still of use");
	}
	state_name_owner(ret_container->record, context->arena);
	return add_exit(context, &dir, ret_container, err);
}

/* A directory without a record is about to get its first one, or has just lost it to a delete that now
 * removes the directory: either takes microseconds, so one looks again. What stays without a record was left
 * by a tare that was killed there. */
int verb_state(struct verb_context *context, const char *id,
	       struct verb_container *ret_container, struct error *err)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int looks, r;

	r = look(context, id, ret_container, err);
	for (looks = 1; r == 0 && !ret_container->recorded && looks < LOOKS_MAX; looks++) {
		nanosleep(&moment, NULL);
		r = look(context, id, ret_container, err);
	}
	return r;
}

struct listing {
	struct verb_context *context;
	struct verb_container *containers;
	size_t count;
	struct error *err;
};

static int add_container(void *data, const char *id)
{
	struct listing *listing = data;
	struct arena *arena = listing->context->arena;
	struct error problem = ERROR_INIT;
	struct verb_container container;
	const char *name = arena_strdup(arena, id); /* @id lives only for this call */
	int r;

	if (!name)
		return error_oom(listing->err);
	r = look(listing->context, name, &container, &problem);
	if (r == -ENOENT) {
		error_ignore(&problem, "it was deleted meanwhile");
		return 0;
	}
	if (r < 0) {
		trace_warning("container %s: %s", id, problem.text);
		return 0;
	}
	if (!container.recorded) {
		/* a state root may hold directories that are no containers (containerd's namespaces) */
		trace_debug("%s/%s has no record", listing->context->store.path, id);
		return 0;
	}
	listing->containers = arena_grow(arena, listing->containers, listing->count,
					 sizeof *listing->containers);
	if (!listing->containers)
		return error_oom(listing->err);
	listing->containers[listing->count++] = container;
	return 0;
}

int verb_list(struct verb_context *context, struct verb_container **ret_containers,
	      size_t *ret_count, struct error *err)
{
	struct listing listing = { .context = context, .err = err };
	int r;

	if (context->store.fd >= 0) {
		r = state_list(&context->store, add_container, &listing, err);
		if (r < 0)
			return r;
	} else if (context->settings->root) {
		return error_errno(err, ENOENT, "open %s", context->settings->root);
	}
	*ret_containers = listing.containers;
	*ret_count = listing.count;
	return 0;
}

int observe_user_namespace(const struct verb_context *context,
			   const struct state_record *record, uint64_t *namespaces,
			   struct error *err)
{
	uint64_t flag = spec_namespace_flag(SPEC_NAMESPACE_USER);
	struct stat own, its;
	char path[32];

	if (!(*namespaces & flag))
		return 0;
	snprintf(path, sizeof path, "%d/ns/user", (int)record->init.pid);
	if (fstatat(context->proc, "self/ns/user", &own, 0) < 0 ||
	    fstatat(context->proc, path, &its, 0) < 0)
		return error_errno(err, errno, "examine the container's user namespace");
	if (own.st_ino == its.st_ino)
		*namespaces &= ~flag;
	return 0;
}
