/* Where the cgroup2 hierarchy is. Inside this folder (and its tests) only. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

struct cgroup_hierarchy {
	const char *mount_point; /* absolute, without a slash at its end: "/sys/fs/cgroup" */
	const char *own; /* the caller's cgroup below the mount point, "/" or "/a/b" */
};

/* Finds the cgroup2 mount and the caller's own cgroup in it.
 * @proc: verified procfs. Strings in the arena. Fails with ENOTSUP when there is none that shows the
 * caller's cgroup. */
int cgroup_find_hierarchy(int proc, struct arena *arena, struct cgroup_hierarchy *ret_hierarchy,
			  struct error *err) _must_check_;

/* The same with the cgroup of another process as @own. @pid: 0 is the caller. */
int cgroup_find_hierarchy_of(int proc, pid_t pid, struct arena *arena,
			     struct cgroup_hierarchy *ret_hierarchy,
			     struct error *err) _must_check_;

/* The same from texts. Of several mounts that show @own the one that shows most is taken.
 * @mountinfo: as /proc/self/mountinfo; changed in place. @own: as behind "0::" in /proc/self/cgroup.
 * @usable: whether the mount can be reached by its path (it may be mounted over). */
int cgroup_pick_hierarchy(char *mountinfo, const char *own, bool (*usable)(const char *path),
			  struct arena *arena,
			  struct cgroup_hierarchy *ret_hierarchy) _must_check_;
