/* The making of a container, for create and run. */
#pragma once

#include "base/error.h"
#include "process/spawn.h"
#include "state/state.h"
#include "verbs/prepare.h"
#include "verbs/verbs.h"

/* A container that stands: recorded, its init waiting for start. */
struct created {
	struct child child; /* pidfd and pid of init */
	int master; /* of its terminal, when no console socket took it; -1 */
};
#define CREATED_INIT                              \
	(struct created)                          \
	{                                         \
		.child = CHILD_INIT, .master = -1 \
	}
void created_release(struct created *created);
#define _cleanup_created_ __attribute__((cleanup(created_release)))

/* verb_start(). @attended: the caller stays for as long as the container lives; else the caller's service
 * manager is told that the init is the main process from here on. */
int start_container(struct verb_context *context, const char *id, bool attended,
		    struct error *err) _must_check_;

/* Makes the container, or leaves nothing behind.
 * @detached: nobody will serve a terminal from this process. */
int create_container(struct verb_context *context, const struct verb_create_options *options,
		     bool detached, struct created *ret_created,
		     struct error *err) _must_check_;
