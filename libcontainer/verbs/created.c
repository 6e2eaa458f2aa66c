/* A container that stands, and create, the verb that leaves it so. What is released here is this process's hold
 * alone: from its commit on the container no longer depends on its creator, because the init has taken back that
 * it dies with it (PR_SET_PDEATHSIG, process/standby.c). */
#include "verbs/creation.h"

#include <errno.h>

#include "base/cleanup.h"

void created_release(struct created *created)
{
	child_release(&created->child);
	cleanup_fd(&created->master);
	state_dir_close(&created->dir);
}

int verb_create(struct verb_context *context, const struct verb_create_options *options,
		struct error *err)
{
	_cleanup_interruption_ struct interruption interruption = INTERRUPTION_INIT;
	const struct creation_mode mode = { .detached = true, .interruption = &interruption };
	_cleanup_created_ struct created created = CREATED_INIT;
	int r;

	r = interruption_open(&interruption, err);
	if (r < 0)
		return r;
	r = create_container(context, options, mode, &created, err);
	if (r == -EINTR)
		interruption_obey(&interruption);
	if (r < 0)
		return r;
	timeline_add_init(options->timeline, created.child.progress, created.child.pid);
	return 0;
}
