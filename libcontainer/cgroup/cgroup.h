/* The container's cgroup on the cgroup2 hierarchy, wherever that is mounted
 * (found in mountinfo; on a hybrid host below /sys/fs/cgroup/unified). Limits and the device filter are
 * in force before the container is cloned into it: nothing is ever migrated. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

struct cgroup {
	int fd; /* the directory, for CLONE_INTO_CGROUP; -1: none was made (disabled) */
	int subgroup; /* plan_cgroup.subgroup below it, where the init is born instead; -1: none */
	const char *
		path; /* absolute in the file system: MOUNT POINT + cgroup; in the arena; NULL: none */
	uint64_t id; /* the directory's inode number, which no other cgroup of this boot has */
	bool created; /* the directory did not exist before */
	bool inherited; /* it did, but is to be removed like one that did not (set by the caller) */
	bool delegates; /* cgroups below it may be made, which are removed also where it stays */
	unsigned above; /* how many directories right above it did not exist either */
	/* What memory.events had counted before the container: processes killed for lack of memory, and how often
	 * the limit was met. Not 0 only in a cgroup that was there, since the counts never go back. */
	uint64_t oom_kills, refusals;
};

#define CGROUP_INIT                      \
	(struct cgroup)                  \
	{                                \
		.fd = -1, .subgroup = -1 \
	}

/* Where the container's cgroup will be, before anything is made: for the record.
 * @proc: verified procfs. @ret_path: absolute path in the file system, in the arena; NULL when no cgroup
 * will be made (disabled; or no permission and nothing requires one). */
int cgroup_locate(const struct plan_cgroup *plan, int proc, struct arena *arena,
		  const char **ret_path, struct error *err) _must_check_;

/* The directory that the init is born in, borrowed; -1: none. */
int cgroup_birthplace(const struct cgroup *cgroup);

/* Makes the cgroup at @path (from cgroup_locate(); NULL gives an empty handle), enabling only the
 * controllers that are needed and missing on the way down, and writes the limits. On failure nothing that it
 * made remains. A frozen or non-empty existing cgroup is refused.
 * With PLAN_CGROUP_SYSTEMD it is the cgroup of a scope that is there already (unit_await()), with the
 * placeholder in it, and the caller removes it.
 * Errors: a missing controller is ENOTSUP and says which and why (bound to a v1 hierarchy, not enabled
 * by the parent). */
int cgroup_create(const struct plan_cgroup *plan, const char *path, struct cgroup *ret_cgroup,
		  struct error *err) _must_check_;

/* Opens a container's cgroup for a process that is added to it (CLONE_INTO_CGROUP).
 * @path: as recorded. @below: --cgroup, a cgroup below it ("/x", "x", "" for itself), or NULL.
 * @ret_cgroup: its path is in the arena.
 * Errors: EINVAL for a path that leaves it, ENOENT. */
int cgroup_open_below(const char *path, const char *below, struct arena *arena,
		      struct cgroup *ret_cgroup, struct error *err) _must_check_;

/* Opens the cgroup that a process is in at this moment, which may be one that the container has made itself.
 * @pid: a living process, which the caller holds a pidfd of, to check afterwards that it was meant. */
int cgroup_open_of_process(int proc, pid_t pid, struct arena *arena, struct cgroup *ret_cgroup,
			   struct error *err) _must_check_;

/* Moves a process into the cgroup whose directory @cgroup is (cgroup.procs). */
int cgroup_move(int cgroup, pid_t pid, struct error *err) _must_check_;

/* Attaches the device filter that the plan asks for; nothing without a cgroup. */
int cgroup_filter_devices(const struct plan_cgroup *plan, const struct cgroup *cgroup,
			  struct error *err) _must_check_;

/* Does what can only be done when the init, @pid, is in the cgroup: writes pids.max 0, and moves it to
 * plan->delegate_to, which is made. */
int cgroup_settle(const struct plan_cgroup *plan, const struct cgroup *cgroup, pid_t pid,
		  struct error *err) _must_check_;

/* What has to succeed for a change to hold. */
struct cgroup_step {
	int (*perform)(void *data, struct error *err);
	void *data;
};

/* Changes the limits of the living cgroup at @path, and its device filter with plan->filter_devices. Either all
 * of it holds afterwards, or, when a write is refused, what held before: the values read beforehand are
 * written back in the opposite order. The filter is replaced at one stroke (BPF_F_REPLACE): there is no moment
 * without one. Controllers that are needed and missing are enabled on the way down to it.
 * @plan: from plan_update(). @then: NULL, or what is done when all files are written, and only the filter, loaded
 * by then, is still to be attached; not undone.
 * Errors: ENOTSUP when @path is NULL (the container has no cgroup of its own), ESRCH when it is gone, EBUSY by
 * memory.checkBeforeUpdate; else as cgroup_create(). */
int cgroup_update(const struct plan_cgroup *plan, const char *path,
		  const struct cgroup_step *then, struct error *err) _must_check_;

/* Splits the @path of a container's cgroup into where the hierarchy is mounted, and the cgroup below that. Strings in
 * the arena and in @path. */
int cgroup_split_path(int proc, const char *path, struct arena *arena, const char **ret_mount,
		      const char **ret_below, struct error *err) _must_check_;

/* Closes the descriptor; the directory stays. */
void cgroup_close(struct cgroup *cgroup);

/* Kills every process in the cgroup at @path and below (cgroup.kill), waits on cgroup.events until it is
 * empty, and removes it with the cgroups below it. @path NULL or already gone: success.
 * @remove: false leaves the directory (it was there before the container). */
int cgroup_destroy(const char *path, bool remove, struct error *err) _must_check_;

/* Removes the @count cgroups right above @path from the lowest up, as long as nothing else is in them. What stays
 * is none of the container's business any more, so this can't fail. @path NULL: nothing. */
void cgroup_remove_above(const char *path, unsigned count);

/* How many directories at the end of @path are not there. */
unsigned cgroup_count_missing(const char *path);

/* The first half of that: kills every process in it and below, and waits until they have ended. */
int cgroup_kill_all(const char *path, struct error *err) _must_check_;

/* Sends @signal to every process in the cgroup and below; SIGKILL by cgroup.kill. */
int cgroup_signal(const char *path, int signal, struct error *err) _must_check_;

/* Whether a process lives in the cgroup or below (cgroup.events "populated"); 0 when it is gone. */
int cgroup_populated(const char *path, struct error *err) _must_check_;

/* Whether it is frozen (cgroup.events "frozen"); 0 when it is gone. */
int cgroup_frozen(const char *path, struct error *err) _must_check_;

/* Freezes (or thaws) all processes in the cgroup and below, and waits until the kernel says that it is done.
 * One that could not be frozen in time is thawed again.
 * @timeout_ms: how long to wait.
 * Errors: ESRCH "container not running" when the cgroup is gone; ETIMEDOUT when a process can't be stopped
 * (uninterruptible sleep), or is kept frozen by a cgroup above. */
int cgroup_freeze(const char *path, bool frozen, int timeout_ms,
		  struct error *err) _must_check_;

/* Calls @each with the number of every process in the cgroup and below, as the caller's pid namespace counts
 * them (what is not visible there is left out); a cgroup that is gone has none. */
int cgroup_processes(const char *path, void (*each)(void *data, pid_t pid), void *data,
		     struct error *err) _must_check_;

/* What happens in a cgroup. */
struct cgroup_watch {
	int events, memory_events; /* -1: there is none */
};
#define CGROUP_WATCH_INIT                         \
	(struct cgroup_watch)                     \
	{                                         \
		.events = -1, .memory_events = -1 \
	}

/* Opens the two files. ESRCH when the cgroup at @path is gone. */
int cgroup_watch_open(const char *path, struct cgroup_watch *ret_watch,
		      struct error *err) _must_check_;
void cgroup_watch_close(struct cgroup_watch *watch);

/* Whether processes live in it or below, and how many the out-of-memory killer has ended there so far (0 without
 * the memory controller). ESRCH when it is gone. */
int cgroup_watch_read(const struct cgroup_watch *watch, bool *ret_populated,
		      uint64_t *ret_kills, struct error *err) _must_check_;

/* Waits until something may have changed since it was read last: 1; 0 after @timeout_ms, or a signal. */
int cgroup_watch_wait(const struct cgroup_watch *watch, int timeout_ms,
		      struct error *err) _must_check_;

/* After a creation failed: when memory.events says that the out-of-memory killer was at work in the cgroup, or
 * that memory was refused to a call that failed with ENOMEM, @err says so, with the limit.
 * @stage: what was being done, "assembling the root". @err: has failed already. */
void cgroup_explain_oom(const struct cgroup *cgroup, const char *stage, struct error *err);

/* Notes in a cgroup that was there before what it has counted so far. */
void cgroup_note_oom(struct cgroup *cgroup);

/* Whether the kernel has killed more processes of the cgroup at @path and below for lack of memory than the @before
 * that it had when the container was made (cgroup.oom_kills). Returns 1, 0, or -ENODATA when that is not known: it
 * is gone, or has no memory controller. */
int cgroup_oom_killed(const char *path, uint64_t before) _must_check_;

/* What the caller could limit, for `tare doctor`. */
struct cgroup_survey {
	const char *mount_point; /* of cgroup2; NULL: there is none */
	const char *path; /* where a container's cgroup would be; NULL: none can be made */
	const char *
		controllers; /* those that could be enabled there, as cgroup.controllers lists them */
};

/* Looks, and makes nothing. Strings in the arena. On an error what was found out until then is in
 * @ret_survey. */
int cgroup_survey(int proc, struct arena *arena, struct cgroup_survey *ret_survey,
		  struct error *err) _must_check_;

/* Whether the caller may load a device filter. */
int cgroup_survey_devices(struct error *err) _must_check_;
