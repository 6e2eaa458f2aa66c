/* How the flags of a mount are changed: mount_setattr(2), on the still detached mount wherever there
 * is one. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"

/* The attributes that fsmount(2) takes at birth. */
unsigned attributes_at_birth(const struct plan_attributes *attributes);

/* What is left to do with a mount that was born with those; a new mount has nothing to clear. */
struct plan_attributes attributes_after_birth(const struct plan_attributes *attributes);

/* Applies set and clear, the recursive ones, and the propagation to the mount that @mount is the root
 * of. @default_propagation: MS_*, applied to the whole tree before the operation's own; 0: none.
 * A locked access-time flag, whose change is only ever implied, is left as it is. */
int attributes_apply(int mount, const struct plan_attributes *attributes,
		     uint64_t default_propagation, struct error *err) _must_check_;
