/* Looking at one open container directory: the common part of state, list, kill and delete. */
#pragma once

#include "verbs/verbs.h"

/* Reads the record in @dir and asks the kernel what the container is doing. A directory without a record is
 * being made by whoever holds its lock, or was left by a tare that was killed: creating or stopped.
 * Errors: those of state_read(), but for ENODATA. */
int observe(struct verb_context *context, const struct state_dir *dir, const char *id,
	    struct verb_container *ret_container, struct error *err) _must_check_;
