/* run: create, start, wait, delete, composed from the same verbs. The container is this process's own
 * child, so its exit status is waited for directly; whatever goes wrong after create, the container is
 * deleted. */
#include <errno.h>

#include "base/cleanup.h"
#include "process/attend.h"
#include "verbs/creation.h"
#include "verbs/verbs.h"

/* Removes the container; an error of it is reported only when nothing else is wrong. */
static int remove_container(struct verb_context *context, const char *id, bool force,
			    struct error *err)
{
	struct error own = ERROR_INIT;
	int r;

	r = verb_delete(context, id, force, &own);
	if (r >= 0)
		return 0;
	if (err->code) {
		error_ignore(&own, "an earlier error is the one to report");
		return -err->code;
	}
	*err = own;
	return r;
}

static int start_and_attend(struct verb_context *context,
			    const struct verb_create_options *options, struct created *created,
			    int *ret_status, struct error *err)
{
	_cleanup_fd_ int signals = -1;
	struct attendance attendance;
	int r;

	if (options->detach)
		return verb_start(context, options->id, err);
	r = attend_block_signals(&signals, err);
	if (r < 0)
		return r;
	r = verb_start(context, options->id, err);
	if (r < 0)
		return r;
	attendance = (struct attendance){
		.pidfd = created->child.pidfd,
		.master = created->master,
		.signals = signals,
	};
	return attend(&attendance, ret_status, err);
}

int verb_run(struct verb_context *context, const struct verb_create_options *options,
	     int *ret_status, struct error *err)
{
	_cleanup_created_ struct created created = CREATED_INIT;
	int r;

	*ret_status = 0;
	r = create_container(context, options, options->detach, &created, err);
	if (r < 0)
		return r;
	r = start_and_attend(context, options, &created, ret_status, err);
	if (r < 0)
		return remove_container(context, options->id, true, err);
	if (options->detach || options->keep)
		return 0;
	return remove_container(context, options->id, true, err);
}
