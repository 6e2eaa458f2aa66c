/* The figures of a container as JSON. */
#pragma once

#include "base/json.h"
#include "cgroup/resctrl.h"
#include "cgroup/stats.h"
#include "process/interfaces.h"

struct statistics {
	struct cgroup_stats cgroup;
	struct resctrl_stats rdt;
	struct interface_list interfaces;
};

/* Writes them as one object: the member "data" of an event. Names and units are those that callers of runc's
 * events know (contract 5). @arena: for what is made on the way.
 * Returns 0, or -ENOMEM. */
int statistics_print(const struct statistics *statistics, struct arena *arena,
		     struct json_writer *writer) _must_check_;
