/* Which controllers a container's limits need, and switching them on along the way down. Inside this
 * folder only. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "plan/plan.h"

#define CONTROLLERS_MAX 32

/* The controllers that the writes of a plan need, each once. */
struct controllers {
	size_t count;
	struct {
		const char *name;
		const char *where; /* the first place in config.json that needs it */
		bool required; /* a write that is not optional needs it */
	} list[CONTROLLERS_MAX];
};

/* Collects them from the plan, those of optional writes too. */
void controllers_collect(const struct plan_cgroup *plan, struct controllers *ret_controllers);

/* Enables for the children of the cgroup @dir what is needed and not enabled yet.
 * @path: of @dir, for errors.
 * Errors: ENOTSUP for a controller that is not there, with the reason; EBUSY when processes live in
 * @dir. */
int controllers_enable(const struct controllers *controllers, int dir, const char *path,
		       struct error *err) _must_check_;

/* Goes down to the existing cgroup @path (absolute in the file system) and enables on each level for the next
 * what is needed and missing. Errors as controllers_enable(). */
int cgroup_enable_down_to(const char *path, const struct controllers *controllers,
			  struct error *err) _must_check_;
