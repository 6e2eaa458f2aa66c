/* The container as a unit of systemd. Inside this folder (and its tests) only. */
#pragma once

#include <sys/types.h>

#include "plan/build.h"

/* The path below the hierarchy's root (or, of the user's manager, below its own cgroup) of the slice: "/a.slice/a-b.slice" for
 * "a-b.slice", "/" for "-.slice". @slice: a valid name. NULL without memory. */
const char *plan_slice_path(const char *slice, struct arena *arena);

#define PLAN_LIST_MAX 8192 /* processors, memory nodes: CONFIG_NR_CPUS is at most that */

/* Reads a list like "0-3,7".
 * @mask: zeroed; the bit of each number is set, the lowest first.
 * Returns how many bytes are needed up to the highest one (0: an empty list), or -EINVAL. */
ssize_t plan_parse_list(const char *list, unsigned char mask[PLAN_LIST_MAX / 8]) _must_check_;

/* Fills cgroup->unit, after its writes. */
int plan_unit(const struct plan_builder *b, struct plan_cgroup *cgroup,
	      struct error *err) _must_check_;

/* Writes it as one value, for plan_print(). */
void plan_print_unit(const struct plan_unit *unit, struct json_writer *writer);
