/* pause and resume: the freezer of the container's cgroup, which stops all of its processes where they are
 * and whose state is the kernel's alone: nothing is recorded, so that state tells of a container that
 * somebody else froze as well. Both hold the container's lock, so that a start never waits for an init that
 * is frozen, and return when the kernel says that it is done. */
#include <errno.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "verbs/observe.h"

/* For the kernel to stop or wake all processes: far more than it takes where none hangs. */
#define FREEZE_MS 10000

/* Waits for @id's lock and looks at it. */
static int look(struct verb_context *context, const char *id, struct state_dir *dir,
		struct verb_container *ret_container, struct error *err)
{
	int r;

	r = observe_locked(context, id, dir, ret_container, err);
	if (r < 0)
		return r;
	if (ret_container->status == STATE_CREATING)
		return error_set(err, EBUSY, "container %s is being created", id);
	return 0;
}

static int check_cgroup(const struct state_record *record, struct error *err)
{
	if (record->cgroup)
		return 0;
	return error_set(err, ENOTSUP,
			 "the container has no cgroup of its own, whose freezer could hold it");
}

int verb_pause(struct verb_context *context, const char *id, struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	int r;

	r = look(context, id, &dir, &container, err);
	if (r < 0)
		return r;
	if (container.status == STATE_STOPPED)
		return error_set(err, ESRCH, "container not running");
	if (container.status == STATE_PAUSED)
		return error_set(err, EBUSY, "container not running: it is paused already");
	r = check_cgroup(container.record, err);
	if (r < 0)
		return r;
	return cgroup_freeze(container.record->cgroup, true, FREEZE_MS, err);
}

int verb_resume(struct verb_context *context, const char *id, struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	int r;

	r = look(context, id, &dir, &container, err);
	if (r < 0)
		return r;
	if (container.status != STATE_PAUSED)
		return error_set(err, EINVAL, "container not paused");
	return cgroup_freeze(container.record->cgroup, false, FREEZE_MS, err);
}
