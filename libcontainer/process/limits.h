/* process.rlimits. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"

/* In the caller, before the clone: raises its own hard limits to those of the plan where they are lower. Not
 * being allowed to is no error here: limits_set() will say so. */
void limits_raise(const struct plan_process *plan);

/* In the container's side, before start: whether limits_set() will be allowed to. EPERM: one is above the hard
 * limit that limits_raise() could reach. */
int limits_check(const struct plan_process *plan, struct error *err) _must_check_;

/* In the container's side, just before the program is executed: sets the limits. Not earlier, because the init
 * needs a descriptor and some memory to wait for start, and a limit may leave it neither. */
int limits_set(const struct plan_process *plan, struct error *err) _must_check_;
