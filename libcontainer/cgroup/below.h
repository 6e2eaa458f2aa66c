/* Cgroups of the container's own below its cgroup, and whose they are. Inside this folder only. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"

/* Gives the directory and the files that the kernel lists to the container's user (spec 185 to 191). */
int cgroup_give_away(const struct plan_cgroup *plan, int dir, struct error *err) _must_check_;

/* Makes the cgroup @path (relative, clean) below @dir, given away with plan->delegate. One that is there is
 * taken. Whoever removes the container's cgroup removes it with that. Returns its directory. */
int cgroup_make_below(const struct plan_cgroup *plan, int dir, const char *path,
		      struct error *err) _must_check_;
