/* The root file system of a container: performs the plan's operations on a root descriptor. No path
 * below the root is ever used twice: each target is resolved once, by openat2(RESOLVE_IN_ROOT), missing
 * parts are made with mkdirat and mknodat component by component, and mounts are attached by descriptor
 * (security rule R-FD). There are two places: attached, in the container's side and its own mount namespace;
 * and detached, in the caller, on a tree that the container's side then takes over. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

/* Descriptors that the caller opens with its own rights, in its own mount namespace, before the clone;
 * the container's side inherits them. A bind source is a detached clone (open_tree) of what the path
 * named then. -1: the caller had not the right to clone mounts (unprivileged), the container's side
 * opens the path itself. */
struct rootfs_sources {
	size_t n;
	int *fds; /* plan_op.opened is the index; in the arena */
	size_t n_userns;
	int *userns; /* one an operation (index into plan->ops): for PLAN_IDMAP_*, else -1 */
	int null_device; /* clone of /dev/null, verified to be character device 1:3; for masks */
	int cgroup; /* clone of the container's own cgroup directory, for PLAN_OP_CGROUP by bind; -1 */
	int cgroup_directory; /* that directory, borrowed: outside, a clone can be made when it is needed */
};

#define ROOTFS_SOURCES_INIT                                             \
	(struct rootfs_sources)                                         \
	{                                                               \
		.null_device = -1, .cgroup = -1, .cgroup_directory = -1 \
	}

/* Closes what is open in @sources. */
void rootfs_sources_close(struct rootfs_sources *sources);

/* In the caller, before the clone: opens every source that the plan binds.
 * @cgroup: the container's cgroup directory, or -1. Error texts are the ones that engines match
 * (`error mounting "SRC" to rootfs at "DST": ...: no such file or directory`). */
int rootfs_open_sources(const struct plan_rootfs *plan, int cgroup, struct arena *arena,
			struct rootfs_sources *ret_sources, struct error *err) _must_check_;

/* In the caller, after the clone and the id maps: id-maps the sources that ask for the container's user
 * namespace (PLAN_IDMAP_CONTAINER). @userns: descriptor of that namespace, or -1 when there is none. */
int rootfs_idmap_sources(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
			 int userns, struct error *err) _must_check_;

/* In the container's side, in its new mount namespace, with a umask of 0 (as what follows): makes propagation
 * what the plan says, attaches the root at root.path and performs plan->ops in order.
 * Returns an O_PATH descriptor of the container's root. */
int rootfs_assemble(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		    struct error *err) _must_check_;

/* The namespaces that file systems made outside are to show, and the caller's own to return to: indexed by
 * enum spec_namespace_type, -1 where the two are the same or no operation asks. */
struct rootfs_owners {
	int theirs[SPEC_NAMESPACE_TYPES], ours[SPEC_NAMESPACE_TYPES];
	/* Called when @ours is there and @theirs is not, because the container's side is still making it: sets
	 * theirs[type], or fails. */
	int (*await)(struct rootfs_owners *owners, enum spec_namespace_type type,
		     struct error *err);
	void *data; /* for it */
};
#define ROOTFS_OWNERS_INIT                                                     \
	(struct rootfs_owners)                                                 \
	{                                                                      \
		.theirs = { [0 ... SPEC_NAMESPACE_TYPES - 1] = -1 }, .ours = { \
			[0 ... SPEC_NAMESPACE_TYPES - 1] = -1                  \
		}                                                              \
	}
void rootfs_owners_close(struct rootfs_owners *owners);

/* In the caller, after the clone, with PLAN_DETACHED: performs the first plan->n_outside operations on a
 * detached tree. Nothing of it is in any mount table; it vanishes with its descriptor.
 * @ret_tree: -1 when this kernel can't mount on a detached tree, and nothing has been done. */
int rootfs_assemble_outside(const struct plan_rootfs *plan,
			    const struct rootfs_sources *sources, struct rootfs_owners *owners,
			    int *ret_tree, struct error *err) _must_check_;

/* In the container's side, in its new mount namespace, before the tree comes: makes propagation what the
 * plan says. */
int rootfs_prepare_to_take(const struct plan_rootfs *plan, struct error *err) _must_check_;

/* In the container's side: attaches @take_tree and performs the operations that were left.
 * Returns @take_tree, the container's root. */
int rootfs_take(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		int take_tree, struct error *err) _must_check_;

/* With PLAN_ENTER_NAMESPACE, in the caller: a mount namespace that holds a copy of @tree alone. Returns its
 * descriptor. */
int rootfs_make_namespace(int tree, struct error *err) _must_check_;

/* In the container's side: enters @namespace and performs the operations that were left. Returns an O_PATH
 * descriptor of the container's root, which is this process's. rootfs_enter() must not follow. */
int rootfs_enter_namespace(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
			   int namespace, struct error *err) _must_check_;

/* Ends the entering, for both ways: the working directory is "/", and the root's propagation as planned. */
int rootfs_settle(const struct plan_rootfs *plan, int root, struct error *err) _must_check_;

/* What else it takes to add mounts to a container that runs. */
struct rootfs_adding {
	int pid_ns; /* the container's pid namespace, for a procfs; -1: the caller's */
	int proc; /* the host's verified procfs */
	/* Called when all is attached; when it fails, all is taken away again. */
	int (*confirm)(void *data, struct error *err);
	void *data; /* for it */
};

/* In a helper that has entered the namespaces of a container that runs, but for its pid namespace: attaches
 * plan->ops in order, all of them or none. Directories and files that were made to be mounted on stay.
 * @sources: all of them opened. */
int rootfs_add(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
	       const struct rootfs_adding *adding, struct error *err) _must_check_;

/* In such a helper: detaches the uppermost mount at each of @mounts' destinations. No link may be on the way, and
 * what is mounted inside of procfs, sysfs and cgroup2, where the container's masks are, stays. Nothing is done when
 * one of them cannot be found. */
int rootfs_remove(const struct spec_mount_list *list, int proc, struct error *err) _must_check_;

/* In the container's side, after the hooks: performs plan->finish (seals, read-only and masked paths,
 * the root read-only) on @root. */
int rootfs_finish(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		  int root, struct error *err) _must_check_;

/* Makes @root the root of this process and detaches the host's (pivot_root; --no-pivot: move and
 * chroot; inherited or joined mount namespace: chroot). The working directory is "/" afterwards. */
int rootfs_enter(const struct plan_rootfs *plan, int root, struct error *err) _must_check_;

/* Binds the terminal @pty on /dev/console below @root: its target is created without following links
 * and the bind is made by descriptor (security rule R-PTY; CVE-2025-52565). */
int rootfs_bind_console(int root, int pty, struct error *err) _must_check_;

/* Opens a new pty of the container's own devpts: ptmx is verified (5:2, devpts magic), the peer comes
 * from TIOCGPTPEER, never from a path.
 * @ret_master, @ret_peer: descriptors. @ret_number: of /dev/pts/N. */
int rootfs_open_pty(int root, int *ret_master, int *ret_peer, unsigned *ret_number,
		    struct error *err) _must_check_;
