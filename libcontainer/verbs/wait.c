/* wait: until the container's init has ended. It takes no lock, since it may last as long as the container. The
 * pidfd is held across the end, so that also an init which its parent reaps at once tells how it ended (Linux
 * 6.15); and what was seen is noted down for `state`. */
#include <errno.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "verbs/ending.h"
#include "verbs/observe.h"

int verb_wait(struct verb_context *context, const char *id, struct state_exit *ret_exit,
	      struct error *err)
{
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record *record;
	_cleanup_fd_ int pidfd = -1;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r < 0)
		return r;
	r = state_read(&dir, context->arena, &record, err);
	if (r == -ENODATA) {
		error_ignore(err, "it is being made, or a killed tare has left it");
		return error_set(err, ENOENT, "container does not exist");
	}
	if (r >= 0)
		r = state_check_reachable(record, context->proc, err);
	if (r < 0)
		return r;
	if (record->status == STATE_CREATING && state_alive(&record->holder, context->proc))
		return error_set(err, EBUSY,
				 "cannot wait for a container that is being created");
	pidfd = state_open_process(&record->init, context->proc);
	if (pidfd == -ESRCH) {
		ending_look(context, &dir, record, ret_exit);
		return 0;
	}
	if (pidfd < 0)
		return error_errno(err, -pidfd, "open process %d", (int)record->init.pid);
	r = process_wait_end(pidfd, -1);
	if (r < 0)
		return error_errno(err, -r, "wait for process %d", (int)record->init.pid);
	*ret_exit = (struct state_exit){ 0 };
	ret_exit->known = process_ending(pidfd, context->proc, record->init.pid,
					 &ret_exit->status, &ret_exit->signal) == 0;
	ending_note(context, &dir, record, ret_exit);
	return 0;
}
