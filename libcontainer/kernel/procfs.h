/* The verified procfs (security rule R-PROC): one descriptor of a /proc that is known to be procfs and
 * its root, taken before anything of the container is touched. All writes to attributes, id maps and
 * system parameters go below it, with a resolution that can cross no mount and follow no link, so that
 * nothing mounted over a file of procfs can catch them. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* Opens /proc and verifies it (file system magic, inode 1).
 * Returns an O_PATH|O_CLOEXEC descriptor. */
int procfs_open(struct error *err) _must_check_;

/* Opens @path below the procfs @proc: openat2() with RESOLVE_BENEATH, NO_XDEV, NO_MAGICLINKS; a link
 * "self" or "thread-self" must be spelled through the pid instead, or is allowed as first component.
 * @flags: open(2)'s. Returns a descriptor or -errno. */
int procfs_openat(int proc, const char *path, int flags) _must_check_;

/* Writes @text to @path below @proc with one write(2). */
int procfs_write(int proc, const char *path, const char *text, struct error *err) _must_check_;

/* Whether the caller runs in the initial user namespace: compares the namespace's inode number with
 * the kernel's constant 0xEFFFFFFD (PROC_USER_INIT_INO), since an identity map proves nothing. */
int procfs_in_initial_userns(int proc) _must_check_;

/* Whether @path, relative to @directory, is the caller's own cgroup namespace, and whether it is the initial one; what
 * can't be opened or is no namespace is neither.
 * Returns 0, or -errno of what failed behind that. */
int procfs_know_cgroup_namespace(int proc, int directory, const char *path, bool *ret_own,
				 bool *ret_initial) _must_check_;
