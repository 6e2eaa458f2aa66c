/* The creating process's part of a root that is assembled as a detached tree (PLAN_DETACHED). */
#pragma once

#include "process/spawn.h"

struct outside {
	const struct plan *plan;
	const struct rootfs_sources *sources;
	const struct join_set *join;
	const struct child *child;
	int proc; /* verified procfs */
};

/* Assembles the tree in the child's namespaces and hands it over (CHANNEL_GO). A failure to look into the
 * child's namespaces is none: the child is told to assemble the root itself, or it is gone and has left
 * word on the channel. */
int outside_assemble(const struct outside *outside, struct error *err) _must_check_;
