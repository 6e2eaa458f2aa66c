/* Which processors, memory nodes and turns a process gets. Every function returns 0 or -errno. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* sched_setattr(2), second version of the structure (Linux 5.3: with the utilization clamps). */
struct tare_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* nanoseconds */
	uint32_t util_min,
		util_max; /* 0 to 1024; 2^32 - 1 is the system's default (Linux 5.11) */
};

/* sched_setattr(2). @pid: 0 is the calling process. @attributes: size is filled in here. */
int scheduling_set_attributes(pid_t pid, struct tare_sched_attr *attributes) _must_check_;

/* ioprio_set(2) on a whole process group. @pgrp: 0 is the caller's.
 * @class, @priority: IOPRIO_CLASS_*, 0 to 7. */
int scheduling_set_io_priority(pid_t pgrp, int class, int priority) _must_check_;

/* set_mempolicy(2) for the calling process. @mode: MPOL_* with MPOL_F_*.
 * @nodes: @count bits; NULL with 0 for none. */
int scheduling_set_memory_policy(int mode, const unsigned long *nodes,
				 size_t count) _must_check_;

/* sched_setaffinity(2). @pid: 0 is the calling process. @processors: @count bits. */
int scheduling_set_affinity(pid_t pid, const unsigned long *processors,
			    size_t count) _must_check_;
