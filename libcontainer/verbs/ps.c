/* ps: which processes are in the container. The kernel's list is the cgroup's and those below it: it holds
 * what exec brought in and what daemonized, whoever its parent is. What the numbers are worth is what a
 * list of processes is ever worth: some may have ended by the time that it is read. */
#include <errno.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "verbs/observe.h"

struct collection {
	struct arena *arena;
	pid_t *pids;
	size_t count;
	bool failed;
};

static void collect(void *data, pid_t pid)
{
	struct collection *collection = data;
	pid_t *grown;

	grown = arena_grow(collection->arena, collection->pids, collection->count,
			   sizeof *grown);
	if (!grown) {
		collection->failed = true;
		return;
	}
	grown[collection->count++] = pid;
	collection->pids = grown;
}

int verb_ps(struct verb_context *context, const char *id, pid_t **ret_pids, size_t *ret_count,
	    struct error *err)
{
	struct collection collection = { .arena = context->arena };
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = observe(context, &dir, id, &container, err);
	if (r >= 0)
		r = state_check_reachable(container.record, context->proc, err);
	if (r < 0)
		return r;
	if (container.record->cgroup) {
		r = cgroup_processes(container.record->cgroup, collect, &collection, err);
		if (r < 0)
			return r;
	} else if (container.status != STATE_STOPPED) {
		return error_set(err, ENOTSUP,
				 "the container has no cgroup of its own, which could tell its "
				 "processes");
	}
	if (collection.failed)
		return error_oom(err);
	*ret_pids = collection.pids;
	*ret_count = collection.count;
	return 0;
}
