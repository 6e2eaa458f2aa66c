/* run: create, start, wait, delete, composed from the same verbs. The container is this process's own
 * child, so its exit status is waited for directly; whatever goes wrong after create, the container is
 * deleted. */
#include <errno.h>

#include "base/cleanup.h"
#include "process/attend.h"
#include "verbs/creation.h"
#include "verbs/ending.h"
#include "verbs/verbs.h"

/* The last thing that run does with a container. @r: how it went so far. */
static int finish(struct verb_context *context, const struct verb_create_options *options,
		  struct created *created, int r, struct error *err)
{
	struct error later = ERROR_INIT;

	state_dir_close(&created->dir);
	if (r < 0) {
		timeline_step(options->timeline, "deleting");
		if (verb_delete(context, options->id, true, &later) < 0)
			error_ignore(&later, "the start's own error is the one to report");
	} else if (!options->detach && !options->keep) {
		timeline_step(options->timeline, "deleting");
		r = verb_delete(context, options->id, true, err);
	}
	timeline_end(options->timeline);
	timeline_add_init(options->timeline, created->child.progress, created->child.pid);
	return r;
}

/* For `state`, which has nobody else to ask. */
static int note_end(struct verb_context *context, const char *id,
		    const struct attendance *attendance, int status, struct error *err)
{
	struct state_exit exit = { .known = true,
				   .status = status,
				   .signal = attendance->ended_by };
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct state_record *record;
	int r;

	r = state_open_dir(&context->store, id, &dir, err);
	if (r >= 0)
		r = state_read(&dir, context->arena, &record, err);
	if (r == -ENOENT || r == -ENODATA) {
		error_ignore(err, "somebody has deleted it meanwhile");
		return 0;
	}
	if (r < 0)
		return r;
	ending_note(context, &dir, record, &exit);
	return 0;
}

static int start_and_attend(struct verb_context *context,
			    const struct verb_create_options *options, struct created *created,
			    int *ret_status, struct error *err)
{
	_cleanup_attendance_ struct attendance attendance = ATTENDANCE_INIT;
	int r;

	timeline_step(options->timeline, "starting");
	if (options->detach)
		return start_created(context, created, false, err);
	r = attend_open(created->child.pidfd, steal_fd(&created->master), created->interruption,
			&attendance, err);
	if (r < 0)
		return r;
	r = start_created(context, created, true, err);
	if (r < 0)
		return r;
	timeline_step(options->timeline, "waiting for the program's end");
	r = attend(&attendance, ret_status, err);
	if (r >= 0 && options->keep)
		r = note_end(context, options->id, &attendance, *ret_status, err);
	return r;
}

int run_attend(struct verb_context *context, const struct verb_create_options *options,
	       struct created *created, int *ret_status, struct error *err)
{
	_cleanup_attendance_ struct attendance attendance = ATTENDANCE_INIT;
	int r;

	r = attend_open(created->child.pidfd, steal_fd(&created->master), created->interruption,
			&attendance, err);
	if (r >= 0)
		r = attend(&attendance, ret_status, err);
	if (r >= 0 && options->keep)
		r = note_end(context, options->id, &attendance, *ret_status, err);
	attend_close(&attendance);
	return finish(context, options, created, r, err);
}

int verb_run(struct verb_context *context, const struct verb_create_options *options,
	     int *ret_status, struct error *err)
{
	_cleanup_interruption_ struct interruption interruption = INTERRUPTION_INIT;
	const struct creation_mode mode = { .detached = options->detach,
					    .starts = true,
					    .interruption = &interruption };
	_cleanup_created_ struct created created = CREATED_INIT;
	int r;

	*ret_status = 0;
	r = interruption_open(&interruption, err);
	if (r < 0)
		return r;
	r = create_container(context, options, mode, &created, err);
	if (r >= 0) {
		r = start_and_attend(context, options, &created, ret_status, err);
		r = finish(context, options, &created, r, err);
	}
	if (r == -EINTR)
		interruption_obey(&interruption);
	return r;
}
