/* run: create, start, wait, delete, composed from the same verbs. The container is this process's own
 * child, so its exit status is waited for directly; whatever goes wrong after create, the container is
 * deleted. */
#include <errno.h>

#include "base/cleanup.h"
#include "process/attend.h"
#include "verbs/creation.h"
#include "verbs/verbs.h"

static int start_and_attend(struct verb_context *context,
			    const struct verb_create_options *options, struct created *created,
			    int *ret_status, struct error *err)
{
	_cleanup_attendance_ struct attendance attendance = ATTENDANCE_INIT;
	int r;

	if (options->detach)
		return verb_start(context, options->id, err);
	r = attend_open(created->child.pidfd, steal_fd(&created->master), &attendance, err);
	if (r < 0)
		return r;
	r = verb_start(context, options->id, err);
	if (r < 0)
		return r;
	return attend(&attendance, ret_status, err);
}

int verb_run(struct verb_context *context, const struct verb_create_options *options,
	     int *ret_status, struct error *err)
{
	_cleanup_created_ struct created created = CREATED_INIT;
	struct error later = ERROR_INIT;
	int r;

	*ret_status = 0;
	r = create_container(context, options, options->detach, &created, err);
	if (r < 0)
		return r;
	r = start_and_attend(context, options, &created, ret_status, err);
	if (r < 0) {
		if (verb_delete(context, options->id, true, &later) < 0)
			error_ignore(&later, "the start's own error is the one to report");
		return r;
	}
	if (options->detach || options->keep)
		return 0;
	return verb_delete(context, options->id, true, err);
}
