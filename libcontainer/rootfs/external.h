/* Mounts of a container that are not its own: what CRIU can't make anew, and has to be told of from outside. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

struct external_mount {
	const char *point; /* absolute, in the container */
	uint64_t attributes; /* TARE_MOUNT_ATTR_* */
};

struct external_mounts {
	size_t n;
	const struct external_mount *mounts; /* in the arena */
	size_t n_devices; /* of superblocks that the caller's mount namespace has: "8:1" */
	const char *const *devices;
	size_t n_ids; /* of all mounts of the container */
	const uint64_t *ids;
};

/* Finds them: mounts whose superblock is also in the caller's mount namespace, but for the root itself, and for file
 * systems of which a new mount shows the same.
 * @pid: the container's init. */
int external_find(int proc, pid_t pid, struct arena *arena, struct external_mounts *ret_mounts,
		  struct error *err) _must_check_;

/* What is to be mounted at @point of a container that is restored, by its plan.
 * @cgroup: the path of its cgroup. ENOENT: config.json mounts nothing there. */
int external_source(const struct plan_rootfs *plan, const char *point, const char *cgroup,
		    struct arena *arena, const char **ret_source,
		    struct error *err) _must_check_;

/* Makes, in the root of a container that is restored, what mounts of its plan need to be mounted on and a root from
 * elsewhere may lack; CRIU makes nothing there. */
int external_make_points(const struct plan_rootfs *plan, struct error *err) _must_check_;

/* Gives the mounts the attributes that they had: CRIU mounts them with those of their sources.
 * @pid: the container's init, which does not run yet. @read_only_root: so does CRIU 4.1 the root. */
int external_settle(int proc, pid_t pid, const struct external_mounts *mounts,
		    bool read_only_root, struct error *err) _must_check_;
