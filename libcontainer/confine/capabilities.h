/* What identity.c asks of the capability sets on its way; inside this folder only. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"

/* Warns of what the plan asks for and this process cannot have: names that nobody knows, capabilities
 * that the kernel or the caller lacks, and ambient ones that are not permitted and inheritable too.
 * To be called once, before anything is dropped. */
int capabilities_warn(const struct plan_capabilities *plan, struct error *err) _must_check_;

/* Drops from the bounding set what the plan's has not. Needs CAP_SETPCAP if there is anything to drop.
 */
int capabilities_bound(const struct plan_capabilities *plan, struct error *err) _must_check_;

/* Makes everything permitted effective again, which the change from user 0 to another cleared. */
int capabilities_wake(struct error *err) _must_check_;
