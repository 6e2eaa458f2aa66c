/* From the plan to a child process: clone3 into the cgroup and the namespaces, with an intermediate process
 * where the order of joining asks for one; and the parent's part of setting the child up. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"
#include "process/entry.h"
#include "process/init.h"

struct child {
	pid_t pid; /* in the caller's pid namespace */
	int pidfd;
	int channel; /* the parent's end */
	volatile struct init_progress *progress; /* shared page: where the child is */
};
#define CHILD_INIT                         \
	(struct child)                     \
	{                                  \
		.pidfd = -1, .channel = -1 \
	}

/* Clones the init, which runs @context (whose channel and progress are filled in here).
 * @entry: the cgroup that it is born in. Returns in the parent only.
 * Where the caller's word for the cgroup is refused and nobody else moves it there: EACCES, with the rule. */
int spawn_init(struct init_context *context, const struct entry *entry, struct child *ret_child,
	       struct error *err) _must_check_;

/* Writes the id maps of a new user namespace (any number of extents). */
int spawn_map_ids(const struct plan_namespaces *plan, const struct child *child, int proc,
		  struct error *err) _must_check_;

/* Applies what takes the caller's privileges: oom_score_adj. */
int spawn_settle(const struct plan_process *plan, const struct child *child, int proc,
		 struct error *err) _must_check_;

/* The child's pid as its own pid namespace counts (NSpid of /proc/PID/status). */
int spawn_inner_pid(const struct plan_namespaces *plan, const struct child *child, int proc,
		    pid_t *ret_pid, struct error *err) _must_check_;

/* Adds to the error of a call that makes the namespaces @flags what it takes. @proc: verified procfs. Returns
 * -err->code. */
int spawn_hint(uint64_t flags, int proc, struct error *err);

/* Kills the child (and with it, when it is the init of a pid namespace, all in that) and reaps it. */
void spawn_kill(struct child *child);

/* Closes the descriptors; the process goes on. */
void child_release(struct child *child);

/* Says why the init @child is gone without having said so. @status: as process_wait() gives it. Returns -ECHILD. */
int child_explain_end(const struct child *child, int status, struct error *err);
