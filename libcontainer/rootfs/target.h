/* Targets: the one place where a path below a container's root is resolved. Links are followed inside
 * the root and never out of it; magic links are never followed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct target {
	const char *path; /* absolute below the root, cleaned lexically */
	bool directory; /* the target has to be a directory, else something that is none */
	bool no_follow; /* no symbolic link may be on the way (proc, sysfs) */
	bool procfs; /* what will be mounted is procfs itself: may go to /proc */
};

/* Opens what stands at @path below @root, without making anything.
 * @flags: of open(2), added to O_PATH; O_NOFOLLOW keeps a link at the end from being followed.
 * Returns an O_PATH descriptor, or -errno without a text (ENOENT and ENOTDIR: nothing there). */
int target_lookup(int root, const char *path, uint64_t flags) _must_check_;

/* Looks at @fd, opened below @root, which is the root of a mount. @ret_mode: its type and mode, as of stat(2).
 * Returns 1 for the root itself, over which nothing is mounted to any effect, because the container's processes
 * begin their paths below such a mount; 0, or -errno with the text. */
int target_examine(int root, int fd, mode_t *ret_mode, struct error *err) _must_check_;

/* Opens the target of a mount, making what is missing (directories and files with mode 0755; the
 * process's umask is the caller's concern).
 * @ret_created: whether the last part was made; may be NULL. Returns an O_PATH descriptor.
 * Errors: ENOTDIR when a directory meets a file, EPERM for a target inside of /proc, EBUSY for the
 * root itself. */
int target_open(int root, const struct target *target, bool *ret_created,
		struct error *err) _must_check_;

/* Opens the directory that holds @path, making it when it is missing.
 * @ret_name: the last component, points into @path. Returns an O_PATH descriptor. */
int target_open_parent(int root, const char *path, const char **ret_name,
		       struct error *err) _must_check_;

/* Whether @path may be mounted on, as far as /proc is concerned: nothing but procfs on /proc, nothing
 * inside of it but the few files that lxcfs and its like replace.
 * Returns 0 for a path outside of /proc, 1 for an allowed one in it, -EPERM with the text. */
int target_check_proc(const struct target *target, struct error *err) _must_check_;
