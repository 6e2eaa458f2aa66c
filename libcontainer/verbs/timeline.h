/* When each step of a create or run began and ended, for --trace. A verb without a timeline (NULL) pays a
 * comparison for each step. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/progress.h"

#define TIMELINE_SPANS_MAX 96

struct timeline_span {
	const char *name; /* a string that outlives the timeline */
	pid_t pid; /* who did it: this process, or the init */
	uint64_t begin, end; /* progress_now(); end is 0 for what was not seen to end */
};

struct timeline {
	size_t count;
	struct timeline_span spans[TIMELINE_SPANS_MAX]; /* further ones are left out */
};

/* A step of this process begins; whatever step of it was going on has ended.
 * @timeline: NULL for none, here and below. @name: a literal. */
void timeline_step(struct timeline *timeline, const char *name);

/* The last step has ended, and no other follows. */
void timeline_end(struct timeline *timeline);

/* Adds the stages that the init has gone through so far.
 * @progress: what the init shares; NULL: there is none. @pid: the init's. */
void timeline_add_init(struct timeline *timeline, const volatile struct init_progress *progress,
		       pid_t pid);
