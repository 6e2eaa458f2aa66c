/* linux.netDevices: network devices of the runtime's network namespace into the container's, by the helper program
 * tare-netdev. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "plan/plan.h"
#include "process/join.h"
#include "process/spawn.h"

/* The helper, for as long as the devices may have to go back. */
struct netdev_helper {
	int socket, pidfd;
	bool asked; /* to move them */
	bool unheard; /* its answer could not be received, and may come yet */
};
#define NETDEV_HELPER_INIT                \
	(struct netdev_helper)            \
	{                                 \
		.socket = -1, .pidfd = -1 \
	}

/* Whether this build can move network devices. */
bool netdev_supported(void);

/* Executes the helper in the caller's network namespace, from which devices will be moved. Does not wait for it: what
 * it lacks, netdev_move() reports.
 * @proc: a verified procfs. ENOTSUP: this build has no helper. */
int netdev_start(int proc, struct netdev_helper *ret_helper, struct error *err) _must_check_;

/* Opens the container's network namespace: as the child joins it, or the child's own.
 * Returns a descriptor or -errno. */
int netdev_open_namespace(const struct plan_namespaces *plan, const struct join_set *join,
			  const struct child *child, int proc) _must_check_;

/* Moves the plan's devices, each with its permanent global addresses, under its new name, and sets it up
 * (spec:168-173). All that can be checked beforehand is checked for all of them before the first one moves. After a
 * failure nothing has been given back yet.
 * @target: the container's network namespace.
 * Errors: ENODEV for a device that is not there, EEXIST for a name that is taken, EINVAL for one that the
 * kernel does not let go; ENOENT: libmnl is not there. */
int netdev_move(struct netdev_helper *helper, const struct plan *plan, int target,
		struct error *err) _must_check_;

/* From here on the devices stay in the container also when this process dies; until then the helper moves them back
 * when it does. */
void netdev_keep(const struct netdev_helper *helper);

/* Moves the devices back, with name, number, addresses and routes as they were; for a create that has failed. A
 * container that was made keeps its devices to the end of its network namespace (spec:175). */
void netdev_give_back(struct netdev_helper *helper);

/* Ends the helper; what was moved stays where it is. */
void netdev_close(struct netdev_helper *helper);

/* Asks for the counters of the interfaces in a network namespace.
 * @target: the namespace. @data: gets the answer, for netdev_read_counters(), and has room for PACKET_MAX bytes.
 * Returns its length. Errors: EPERM when the namespace can't be entered; ENOENT: libmnl is not there. */
int netdev_count(const struct netdev_helper *helper, int target, char *data,
		 struct error *err) _must_check_;

/* Reads the answer to a request to move. Returns whether it is one; what it says of a failure is then in @err. */
bool netdev_read_answer(const char *data, size_t length, struct error *err) _must_check_;
