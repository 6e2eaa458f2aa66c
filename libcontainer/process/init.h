/* The container's side between clone and execve: the init. It walks a table of stages; the table is the
 * documentation of what happens in which order. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"
#include "process/hooks.h"
#include "process/join.h"
#include "process/progress.h"
#include "rootfs/rootfs.h"
#include "seccomp/seccomp.h"

/* All that the init works with; inherited over the clone, so nothing is serialised. */
struct init_context {
	const struct plan *plan;
	struct rootfs_sources *sources;
	const struct seccomp_program *seccomp;
	struct join_set *join;
	int proc; /* verified procfs of the host; closed before the root is entered for good */
	int parent_end; /* of the channel: inherited, closed first, so that its end can be seen */
	int channel; /* to the tare that creates the container */
	int listener; /* start socket */
	int connection; /* of the start that came; -1 before */
	int root; /* the container's root while it is assembled */
	bool entered; /* the root is this process's already: PLAN_ENTER_NAMESPACE */
	int terminal; /* the pty's peer; -1: none */
	bool in_cwd; /* the working directory could be entered as root */
	bool setgroups_denied; /* by the user namespace, joined or inherited from */
	const char *program; /* what args[0] was found to be */
	char *const *environment;
	struct arena *arena; /* what the init itself allocates */
	struct hook_streams streams; /* of the hooks, opened by the parent */
	char *hook_state; /* JSON for startContainer hooks */
	bool timed; /* note when each stage begins and ends */
	bool joins; /* a process that is added to a container (process/exec.h) */
	bool barrier; /* with joins: see struct exec_entrance */
	volatile struct init_progress *progress; /* shared with the parent */
};

/* Runs the init; never returns. Failures are sent over the channel (or the start connection) and end the
 * process with status 1. */
_Noreturn void init_run(struct init_context *context);

/* The name of a stage, for the parent of an init that died without a word ("assembling the root"). */
const char *init_stage_name(int stage);
