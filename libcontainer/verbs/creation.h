/* The making of a container, for create and run. */
#pragma once

#include "base/error.h"
#include "process/interruption.h"
#include "process/spawn.h"
#include "state/state.h"
#include "verbs/prepare.h"
#include "verbs/verbs.h"

/* A container that stands: recorded, its init waiting for start. */
struct created {
	struct child child; /* pidfd and pid of init */
	const struct interruption *interruption; /* of the making; borrowed, NULL: none */
	int master; /* of its terminal, when no console socket took it; -1 */
	struct state_dir dir; /* for run: still locked, with what is recorded there */
	struct state_record record;
};
#define CREATED_INIT                                                     \
	(struct created)                                                 \
	{                                                                \
		.child = CHILD_INIT, .master = -1, .dir = STATE_DIR_INIT \
	}
void created_release(struct created *created);
#define _cleanup_created_ __attribute__((cleanup(created_release)))

/* verb_start() for a container that this process has just made, from what it knows of it. Gives the lock back. Until
 * the program is executed it can be interrupted, as the making.
 * @attended: the caller stays for as long as the container lives; else the caller's service manager is told
 * that the init is the main process from here on. */
int start_created(struct verb_context *context, struct created *created, bool attended,
		  struct error *err) _must_check_;

/* What becomes of the container that create_container() makes. */
struct creation_mode {
	bool detached; /* nobody will serve a terminal from this process */
	bool starts; /* this process starts it at once, by start_created() */
	const struct interruption *interruption; /* borrowed; NULL: signals end this process */
};

/* Makes the container, or leaves nothing behind. */
int create_container(struct verb_context *context, const struct verb_create_options *options,
		     struct creation_mode mode, struct created *ret_created,
		     struct error *err) _must_check_;

/* Waits for the end of a container that runs already, a child of the caller's, in the foreground, and deletes it.
 * @ret_status: the program's, or 128 + signal. */
int run_attend(struct verb_context *context, const struct verb_create_options *options,
	       struct created *created, int *ret_status, struct error *err) _must_check_;
