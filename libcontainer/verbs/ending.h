/* The end of a container's init: what can be known of it, and noting it down. */
#pragma once

#include "verbs/verbs.h"

/* Notes down an end that the caller has seen, with what the cgroup says of memory.
 * @status, @signal: as process_wait_signal(). A container that is deleted meanwhile needs no note. */
void ending_note(struct verb_context *context, const struct state_dir *dir,
		 const struct state_record *record, struct state_exit *exit);

/* What is known of the end of a container that has stopped: what was noted down, else what a zombie still tells.
 * Never fails: what can't be known is unknown. */
void ending_look(struct verb_context *context, const struct state_dir *dir,
		 const struct state_record *record, struct state_exit *ret_exit);
