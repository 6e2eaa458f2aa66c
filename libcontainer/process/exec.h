/* A process that is added to a container: from the caller to the program. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"
#include "process/init.h"
#include "process/spawn.h"

/* What is needed besides the plan to get into the container. */
struct exec_entrance {
	int container; /* pidfd of the container's init */
	int root; /* its root directory, where that is not the root of its mount namespace; -1 */
	uint64_t namespaces; /* CLONE_NEW*: which of its namespaces are entered */
	struct entry entry; /* the cgroup to be born in */
	/* The program is executed only when the caller has said CHANNEL_GO to CHANNEL_STANDING. */
	bool barrier;
};

/* Adds a process to the container. It is the caller's child, dies with it until its program is executed, and
 * speaks over ret_child->channel: CHANNEL_LOG, CHANNEL_TERMINAL, CHANNEL_STANDING with a barrier,
 * CHANNEL_EXECUTING when only execve is left, CHANNEL_ERROR; the end of the channel after CHANNEL_EXECUTING is
 * the success of execve.
 * @context: plan, seccomp, proc, arena; what else there is is filled in here.
 * Errors worth handling, of the birth in the cgroup: EBUSY and EOPNOTSUPP (it takes no processes), EACCES (the
 * caller may not put any there). Nothing was done then. */
int exec_spawn(struct init_context *context, const struct exec_entrance *entrance,
	       struct child *ret_child, struct error *err) _must_check_;
