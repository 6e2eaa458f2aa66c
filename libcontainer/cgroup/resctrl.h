/* Classes of service and monitoring groups of resctrl (Intel RDT, AMD QoS, Arm MPAM): a file system of
 * directories like cgroupfs, with a tasks file in each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

/* Where a container is. Strings in the arena that resctrl_locate() was given. */
struct resctrl_group {
	const char *root; /* where resctrl is mounted; NULL: the container has no such group */
	const char *clos; /* absolute path of the class's directory */
	bool clos_made; /* by this container's create (or, before, will be) */
	const char *monitoring; /* absolute path of its monitoring group; NULL: none */
};

/* Finds the mounted resctrl and says where the container's groups will be; makes nothing.
 * @plan: NULL gives an empty group. ENOTSUP: no resctrl is mounted (spec:218). */
int resctrl_locate(const struct plan_rdt *plan, int proc, struct arena *arena,
		   struct resctrl_group *ret_group, struct error *err) _must_check_;

/* Makes the groups and writes the schemata. @group: as located; clos_made and monitoring say afterwards what
 * has been made, also after a failure.
 * Errors: EEXIST for a class that exists with other schemata (spec:224) or a monitoring group that exists,
 * ENOENT for a class that has to exist (spec:225), ENOSPC when the hardware has no more of them. */
int resctrl_make(const struct plan_rdt *plan, struct resctrl_group *group, struct arena *arena,
		 struct error *err) _must_check_;

/* Puts a process, and all that it forks, into the groups; nothing when there is none. */
int resctrl_join(const struct resctrl_group *group, pid_t pid, struct error *err) _must_check_;

/* Writes schemata of a container that exists, for update; both hold afterwards or neither.
 * @l3, @mb: a line each, or NULL. @ret_before: for resctrl_restore(), in @arena.
 * EINVAL: the container has no such group. */
int resctrl_update(const struct resctrl_group *group, const char *l3, const char *mb,
		   struct arena *arena, char **ret_before, struct error *err) _must_check_;

/* Writes back what held before, where something else of the update was refused. @before: used up. */
void resctrl_restore(const struct resctrl_group *group, char *before);

/* Removes the monitoring group, and the class if it was made. What is gone already is no error. */
int resctrl_remove(const struct resctrl_group *group, struct error *err) _must_check_;

/* What is counted; not every processor counts everything. */
struct resctrl_count {
	bool known;
	uint64_t value; /* bytes */
};

/* A domain of the last level cache: the processors that share one, as a rule a socket's or a NUMA node's. */
struct resctrl_domain {
	unsigned long number;
	struct resctrl_count occupancy; /* of the cache, at this moment */
	struct resctrl_count total_bytes, local_bytes; /* of memory traffic so far */
};

struct resctrl_stats {
	/* The lines of the class's schemata that are in force, without blanks ahead: those for the L3 cache, more
	 * than one with code and data prioritization, and the one for the memory bandwidth. NULL: none */
	const char *l3_schemata, *mb_schemata;
	size_t n_domains;
	struct resctrl_domain *domains; /* by their numbers */
};

/* Reads what there is for the container: the class's schemata, and the figures of its monitoring group or, without
 * one, of the class. What the processor does not have or count is left out; a @group without a root gives nothing.
 * @ret_stats: in @arena. Fails with ENOMEM alone. */
int resctrl_read_stats(const struct resctrl_group *group, struct arena *arena,
		       struct resctrl_stats *ret_stats, struct error *err) _must_check_;

/* Whether every setting of @line ("L3:0=7f0;1=1f") is in force in @schemata, the text of a schemata file.
 * Masks and numbers are compared by their value. For resctrl_make() and its tests. */
bool resctrl_in_force(const char *schemata, const char *line);
