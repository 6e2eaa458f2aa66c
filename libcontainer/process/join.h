/* Joining namespaces by path: opened and verified by the caller, entered by the container's side. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"

/* One descriptor a namespace type, -1 where none is joined. */
struct join_set {
	int fds[SPEC_NAMESPACE_TYPES];
};
#define JOIN_SET_INIT                                            \
	(struct join_set)                                        \
	{                                                        \
		.fds = { [0 ... SPEC_NAMESPACE_TYPES - 1] = -1 } \
	}

/* Opens every namespace that the plan joins, in the caller's mount namespace, and verifies that each is a
 * namespace of its type (spec:149-151). */
int join_open(const struct plan_namespaces *plan, struct join_set *ret_set,
	      struct error *err) _must_check_;
void join_close(struct join_set *set);

/* In the intermediate process: enters everything but the cgroup namespace (a process in it could not be
 * cloned into a cgroup outside its view: ENOENT). First with the caller's privileges, then, after the user
 * namespace was entered, what those were not enough for. Of the pid namespace only children are affected. */
int join_before_clone(const struct join_set *set, struct error *err) _must_check_;

/* In the init without an intermediate process: enters everything (there is no pid or user namespace
 * among them). */
int join_all(const struct join_set *set, struct error *err) _must_check_;

/* In the init after an intermediate process: the cgroup namespace. */
int join_after_clone(const struct join_set *set, struct error *err) _must_check_;
