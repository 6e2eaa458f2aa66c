/* linux.netDevices: network devices of the runtime's network namespace into the container's. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"
#include "process/join.h"
#include "process/spawn.h"

struct netdev;

/* The devices that are being moved, for as long as they may have to go back. */
struct netdev_set {
	int here, there; /* rtnetlink of the runtime's and of the container's namespace */
	int home; /* the runtime's network namespace */
	struct arena *arena; /* borrowed */
	size_t n_moved;
	struct netdev *devices;
};
#define NETDEV_SET_INIT                             \
	(struct netdev_set)                         \
	{                                           \
		.here = -1, .there = -1, .home = -1 \
	}

/* Opens the container's network namespace: as the child joins it, or the child's own.
 * Returns a descriptor or -errno. */
int netdev_open_namespace(const struct plan_namespaces *plan, const struct join_set *join,
			  const struct child *child, int proc) _must_check_;

/* Moves the plan's devices, each with its permanent global addresses, under its new name, and sets it up
 * (spec:168-173). All that can be checked beforehand is checked for all of them before the first one moves.
 * @take_target: the container's network namespace. @arena: has to live as long as @ret_set.
 * @ret_set: to be closed, also after a failure: after one nothing has been given back yet.
 * Errors: ENODEV for a device that is not there, EEXIST for a name that is taken, EINVAL for one that the
 * kernel does not let go. */
int netdev_move(const struct plan *plan, int proc, int take_target, struct arena *arena,
		struct netdev_set *ret_set, struct error *err) _must_check_;

/* Moves the devices back, with name, number, addresses and routes as they were; for a create that has failed. A
 * container that was made keeps its devices to the end of its network namespace (spec:175). */
void netdev_give_back(struct netdev_set *set);

/* Closes the sockets; what was moved stays where it is. */
void netdev_close(struct netdev_set *set);
