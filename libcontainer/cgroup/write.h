/* Writing limits to the files of a cgroup. Inside this folder only. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "plan/plan.h"

/* Writes them in order; the first that is refused ends it. What this kernel does not have is passed over if the
 * write is optional, or if the next one, which says it in another way, succeeds.
 * @ret_tried: how many were written or refused; may be NULL. */
int cgroup_write_all(const struct plan_cgroup_write *writes, size_t n_writes, int dir,
		     size_t *ret_tried, struct error *err) _must_check_;

/* EBUSY when the cgroup @dir uses more memory than plan->usage_below and usage_with_swap_below say (spec
 * 198). */
int cgroup_check_usage(const struct plan_cgroup *plan, int dir, struct error *err) _must_check_;
