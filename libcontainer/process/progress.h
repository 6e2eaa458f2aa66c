/* How far the init is: one page that it shares with its parent, which can read it also after the init's
 * sudden death, and, when a timeline is wanted, when each stage began and ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* More than there are stages (process/init.c). */
#define PROGRESS_STAGES_MAX 48

struct progress_span {
	uint64_t begin, end; /* see progress_now(); 0: not yet */
};

struct init_progress {
	int stage; /* index into the table of stages */
	bool timed; /* set by the parent before the clone */
	struct progress_span spans[PROGRESS_STAGES_MAX];
	pid_t pid; /* of an init that an intermediate process has cloned; 0: none yet */
};

/* The time for spans, in nanoseconds. It is the wall clock's, the only one that a time namespace does not
 * shift (time_namespaces(7)), so that both sides speak of the same time. */
uint64_t progress_now(void);
