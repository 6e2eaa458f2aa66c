/* The turns, the nodes and the processors of a process. The kernel looks for CAP_SYS_NICE in the initial user
 * namespace, so a container's own side can lack what its creator has: it tries itself and asks the creator
 * for what was refused (stage_scheduling()). All of it survives execve(2) and the change of user. */
#include "process/scheduling.h"

#include <errno.h>

#include "base/bitlist.h"
#include "base/cleanup.h"
#include "kernel/scheduling.h"

#define NODES_MAX 1024 /* CONFIG_NODES_SHIFT is 10 at most */
#define PROCESSORS_MAX 8192 /* CONFIG_NR_CPUS */

enum {
	POLICY_FIFO = 1,
	POLICY_RR = 2,
	POLICY_ISO = 4,
	POLICY_DEADLINE = 6,
	UTIL_DEFAULT = -1,
};

static const char *word(enum spec_vocabulary vocabulary, uint64_t value)
{
	const struct spec_words *words = spec_words(vocabulary);

	return table_name(words->entries, words->count, value);
}

static void hint_scheduler(const struct spec_scheduler *scheduler, int code, struct error *err)
{
	if (code == EINVAL && scheduler->policy == POLICY_ISO)
		error_hint(err, " (Linux has no SCHED_ISO)");
	if (code == EBUSY && scheduler->policy == POLICY_DEADLINE)
		error_hint(err, " (its deadlines can't be kept beside those of others)");
	if (code != EPERM)
		return;
	if (scheduler->policy == POLICY_DEADLINE)
		error_hint(err,
			   " (SCHED_DEADLINE takes CAP_SYS_NICE on the host, and a process "
			   "that may run on every processor: process scheduler can't be "
			   "used together with AllowedCPUs)");
	else if (scheduler->policy == POLICY_FIFO || scheduler->policy == POLICY_RR)
		error_hint(err, " (a real-time policy takes CAP_SYS_NICE on the host; with "
				"CONFIG_RT_GROUP_SCHED the cgroup needs real-time as well)");
	else
		error_hint(err, " (a nice value below the present one, or leaving SCHED_IDLE, "
				"takes CAP_SYS_NICE on the host)");
}

static int apply_policy(const struct spec_scheduler *scheduler, pid_t pid, struct error *err)
{
	struct tare_sched_attr attributes = {
		.policy = (uint32_t)scheduler->policy,
		.flags = scheduler->flags,
		.nice = scheduler->nice,
		.priority = (uint32_t)scheduler->priority,
		.runtime = scheduler->runtime,
		.deadline = scheduler->deadline,
		.period = scheduler->period,
		/* the specification has the flags, but no values for them; 0 would be the least of all */
		.util_min = (uint32_t)UTIL_DEFAULT,
		.util_max = (uint32_t)UTIL_DEFAULT,
	};
	int r;

	r = scheduling_set_attributes(pid, &attributes);
	if (r == 0)
		return 0;
	error_errno(err, -r, "process.scheduler: sched_setattr (%s)",
		    word(SPEC_WORDS_SCHEDULER_POLICY, (uint64_t)scheduler->policy));
	hint_scheduler(scheduler, -r, err);
	return r;
}

static int apply_io(const struct spec_io_priority *priority, pid_t pid, struct error *err)
{
	int r;

	r = scheduling_set_io_priority(pid, priority->class, priority->priority);
	if (r == 0)
		return 0;
	error_errno(err, -r, "process.ioPriority: ioprio_set (%s, %d)",
		    word(SPEC_WORDS_IO_CLASS, (uint64_t)priority->class), priority->priority);
	if (r == -EPERM)
		error_hint(err, " (IOPRIO_CLASS_RT takes CAP_SYS_NICE on the host)");
	return r;
}

int scheduling_apply(const struct plan_process *plan, enum scheduling_part part, pid_t pid,
		     struct error *err)
{
	if (part == SCHEDULING_POLICY)
		return plan->scheduler ? apply_policy(plan->scheduler, pid, err) : 0;
	return plan->io_priority ? apply_io(plan->io_priority, pid, err) : 0;
}

int scheduling_set_memory(const struct spec_memory_policy *policy, struct error *err)
{
	unsigned long nodes[NODES_MAX / BITLIST_WORD];
	int r, n;

	if (!policy)
		return 0;
	n = bitlist_parse(policy->nodes ? policy->nodes : "", nodes, NODES_MAX);
	if (n < 0)
		return error_set(err, -n,
				 "linux.memoryPolicy.nodes: invalid memory policy nodes \"%s\"",
				 policy->nodes);
	r = scheduling_set_memory_policy((int)((unsigned)policy->mode | policy->flags),
					 n > 0 ? nodes : NULL, NODES_MAX);
	if (r == 0)
		return 0;
	error_errno(err, -r, "linux.memoryPolicy: set_mempolicy (%s, nodes %s)",
		    word(SPEC_WORDS_MEMORY_MODE, (uint64_t)policy->mode),
		    policy->nodes ? policy->nodes : "none");
	if (r == -EINVAL)
		error_hint(err, " (the kernel does not know the mode or a flag, or the "
				"container may use none of the nodes)");
	if (r == -ENOSYS)
		error_hint(err, " (the kernel was built without CONFIG_NUMA)");
	return r;
}

int scheduling_set_processors(pid_t pid, const char *list, const char *name, struct error *err)
{
	unsigned long processors[PROCESSORS_MAX / BITLIST_WORD];
	int r, n;

	if (!list)
		return 0;
	n = bitlist_parse(list, processors, PROCESSORS_MAX);
	if (n == 0)
		return 0;
	if (n < 0)
		return error_set(err, -n,
				 "process.execCPUAffinity.%s: \"%s\" is no list of "
				 "processors",
				 name, list);
	r = scheduling_set_affinity(pid, processors, PROCESSORS_MAX);
	if (r == 0)
		return 0;
	error_errno(err, -r, "process.execCPUAffinity.%s: sched_setaffinity to %s", name, list);
	if (r == -EINVAL)
		error_hint(err,
			   " (none of these processors is there, or the cgroup allows none)");
	return r;
}
