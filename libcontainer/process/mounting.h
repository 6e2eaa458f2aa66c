/* Mounting and unmounting in a container that runs. */
#pragma once

#include "base/error.h"
#include "rootfs/rootfs.h"

struct mounting {
	int container; /* pidfd of its init */
	int pid_ns; /* its pid namespace, where it has one of its own; -1 */
	int proc; /* verified procfs */
	uint64_t namespaces; /* CLONE_NEW*: those that it does not share with the caller */
	/* what is added: its operations, and the sources, opened; or what is removed */
	const struct plan_rootfs *plan;
	const struct rootfs_sources *sources;
	const struct spec_mount_list *removed;
};

/* Does it in a helper process, and returns when that has ended. */
int mounting_perform(const struct mounting *mounting, struct error *err) _must_check_;
