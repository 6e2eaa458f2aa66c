/* process.scheduler, process.ioPriority, process.execCPUAffinity and linux.memoryPolicy, for the init and
 * for a process that is added to a container. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"

/* Which of the settings that take privileges of the host. */
enum scheduling_part {
	SCHEDULING_POLICY, /* process.scheduler */
	SCHEDULING_IO, /* process.ioPriority: of the process group that @pid leads */
};

/* Applies one part to a process; does nothing when config.json has none.
 * @pid: a process of the container, 0 for the calling one.
 * Errors: EPERM (the text says which privilege), EINVAL for what the kernel does not know, EBUSY when a
 * deadline can't be kept. */
int scheduling_apply(const struct plan_process *plan, enum scheduling_part part, pid_t pid,
		     struct error *err) _must_check_;

/* Sets the calling process's memory policy, which its children inherit; nothing when there is none. */
int scheduling_set_memory(const struct spec_memory_policy *policy,
			  struct error *err) _must_check_;

/* Binds a process to processors, for process.execCPUAffinity (spec:122, spec:123): "initial" before the
 * process gets into the container's cgroup, "final" afterwards. A list that is NULL or empty leaves it alone.
 * @pid: 0 for the calling process. @list: such as "0-3,7". @name: the property, "initial" or "final".
 * EINVAL: none of the processors is there, or allowed by the cgroup. */
int scheduling_set_processors(pid_t pid, const char *list, const char *name,
			      struct error *err) _must_check_;
