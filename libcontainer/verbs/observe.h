/* Looking at one open container directory: the common part of state, list, kill and delete. */
#pragma once

#include "verbs/verbs.h"

/* Reads the record in @dir and asks the kernel what the container is doing. A directory without a record is
 * being made by whoever holds its lock, or was left by a tare that was killed: creating or stopped. The record of a
 * container that has ended names no cgroup any more when that is another's (belonging_check()).
 * Errors: those of state_read(), but for ENODATA. */
int observe(struct verb_context *context, const struct state_dir *dir, const char *id,
	    struct verb_container *ret_container, struct error *err) _must_check_;

/* The same for who does not care whether it is paused: the cgroup is not asked. */
int observe_life(struct verb_context *context, const struct state_dir *dir, const char *id,
		 struct verb_container *ret_container, struct error *err) _must_check_;

/* Opens @id's directory, waits up to ten seconds for its lock, and looks at it: for the verbs that change a
 * living container (pause, resume, update).
 * Errors: ENOENT "container does not exist", also when it was deleted meanwhile; ETIMEDOUT: another command
 * holds the lock; EXDEV: see state_check_reachable(). */
int observe_locked(struct verb_context *context, const char *id, struct state_dir *ret_dir,
		   struct verb_container *ret_container, struct error *err) _must_check_;

/* Takes the user namespace out of @namespaces (CLONE_NEW*) when the container's is this process's own: that one
 * cannot be entered again (EINVAL), as others can. An engine may call from inside the very one that it lets
 * containers join. */
int observe_user_namespace(const struct verb_context *context,
			   const struct state_record *record, uint64_t *namespaces,
			   struct error *err) _must_check_;
