/* What every verb works with: the state root and a procfs that is known to be one. The root is only made by
 * the verbs that make containers, so that looking at containers never leaves a directory behind: with
 * none, the verbs see an empty store. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/procfs.h"
#include "verbs/verbs.h"

int verb_context_open(const struct verb_settings *settings, bool make_root, struct arena *arena,
		      struct verb_context *ret_context, struct error *err)
{
	struct state_store store = { .fd = -1 };
	const char *root = settings->root;
	_cleanup_fd_ int proc = -1;
	int r;

	proc = procfs_open(err);
	if (proc < 0)
		return proc;
	if (!root) {
		r = state_default_root(arena, &root, err);
		if (r < 0)
			return r;
	}
	r = state_open(root, make_root, arena, &store, err);
	if (r == -ENOENT && !make_root) {
		error_ignore(err, "without a state root there are no containers");
		store = (struct state_store){ .fd = -1, .path = root };
	} else if (r < 0) {
		return r;
	}
	*ret_context = (struct verb_context){
		.settings = settings,
		.arena = arena,
		.store = store,
		.proc = steal_fd(&proc),
	};
	ret_context->store.proc = ret_context->proc;
	return 0;
}

int verb_context_open_without_root(const struct verb_settings *settings, struct arena *arena,
				   struct verb_context *ret_context, struct error *err)
{
	int proc = procfs_open(err);

	if (proc < 0)
		return proc;
	*ret_context = (struct verb_context){
		.settings = settings,
		.arena = arena,
		.store = { .fd = -1, .proc = proc },
		.proc = proc,
	};
	return 0;
}
