/* The timeline: the parent's steps as they come, then the init's stages out of the shared page. The last
 * stage ends in execve, which wipes out who could say when: it is left open here, and is taken to last
 * until the trace's end. */
#include "verbs/timeline.h"

#include <unistd.h>

#include "process/init.h"

static struct timeline_span *add(struct timeline *timeline)
{
	if (timeline->count == TIMELINE_SPANS_MAX)
		return NULL;
	return &timeline->spans[timeline->count++];
}

void timeline_step(struct timeline *timeline, const char *name)
{
	struct timeline_span *span;

	if (!timeline)
		return;
	timeline_end(timeline);
	span = add(timeline);
	if (span)
		*span = (struct timeline_span){ name, getpid(), progress_now(), 0 };
}

void timeline_end(struct timeline *timeline)
{
	struct timeline_span *last;

	if (!timeline || timeline->count == 0)
		return;
	last = &timeline->spans[timeline->count - 1];
	if (last->end == 0 && last->pid == getpid())
		last->end = progress_now();
}

void timeline_add_init(struct timeline *timeline, const volatile struct init_progress *progress,
		       pid_t pid)
{
	struct timeline_span *span;
	int i;

	if (!timeline || !progress)
		return;
	for (i = 0; i < PROGRESS_STAGES_MAX && progress->spans[i].begin != 0; i++) {
		span = add(timeline);
		if (span)
			*span = (struct timeline_span){ init_stage_name(i), pid,
							progress->spans[i].begin,
							progress->spans[i].end };
	}
}
