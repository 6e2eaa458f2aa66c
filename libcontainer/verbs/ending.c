/* How a container ended, honestly: an exit status is the parent's, and engines reap the init themselves. So tare
 * knows it when one of its own processes has watched the end (an attached run, a wait), or as long as the init
 * is a zombie that may be looked into; else it says unknown. That the kernel has killed for lack of memory, the
 * cgroup counts as long as it is there. */
#include "verbs/ending.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utc.h"
#include "cgroup/cgroup.h"
#include "kernel/process.h"

static void look_at_memory(const struct state_record *record, struct state_exit *exit)
{
	int r = record->cgroup ? cgroup_oom_killed(record->cgroup, record->oom_kills_before)
			       : -ENODATA;

	exit->oom_known = r >= 0;
	exit->oom_killed = r > 0;
}

void ending_note(struct verb_context *context, const struct state_dir *dir,
		 const struct state_record *record, struct state_exit *exit)
{
	struct error err = ERROR_INIT;
	struct timespec now;
	char date[UTC_TEXT_SIZE];

	look_at_memory(record, exit);
	clock_gettime(CLOCK_REALTIME, &now);
	utc_text(now.tv_sec, date);
	exit->observed = arena_printf(context->arena, "%s.%09ldZ", date, now.tv_nsec);
	if (state_write_exit(dir, exit, &err) < 0)
		error_ignore(&err, "a container that is deleted needs no note");
}

void ending_look(struct verb_context *context, const struct state_dir *dir,
		 const struct state_record *record, struct state_exit *ret_exit)
{
	struct error err = ERROR_INIT;
	_cleanup_fd_ int pidfd = -1;

	if (state_read_exit(dir, context->arena, ret_exit, &err) == 0)
		return;
	error_ignore(&err, "then it is as far as others know it");
	*ret_exit = (struct state_exit){ 0 };
	pidfd = state_open_ended(&record->init, context->proc);
	if (pidfd >= 0)
		ret_exit->known = process_ending(pidfd, context->proc, record->init.pid,
						 &ret_exit->status, &ret_exit->signal) == 0;
	look_at_memory(record, ret_exit);
}
