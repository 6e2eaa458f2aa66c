/* Wrappers by number, since the C library has none for most of these calls. Nothing is decided here. Their
 * permissions count in the initial user namespace (capable(), not ns_capable()): root of a user namespace may
 * only what any user may. */
#include "kernel/scheduling.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/ioprio.h */
#define WHO_PROCESS_GROUP 2
#define CLASS_SHIFT 13

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

int scheduling_set_attributes(pid_t pid, struct tare_sched_attr *attributes)
{
	attributes->size = sizeof *attributes;
	return result(syscall(__NR_sched_setattr, pid, attributes, 0));
}

int scheduling_set_io_priority(pid_t pgrp, int class, int priority)
{
	return result(syscall(__NR_ioprio_set, WHO_PROCESS_GROUP, pgrp,
			      class << CLASS_SHIFT | priority));
}

int scheduling_set_memory_policy(int mode, const unsigned long *nodes, size_t count)
{
	/* the kernel takes one off the number of bits (mm/mempolicy.c: get_nodes()) */
	return result(syscall(__NR_set_mempolicy, mode, nodes, nodes ? count + 1 : 0));
}

int scheduling_set_affinity(pid_t pid, const unsigned long *processors, size_t count)
{
	return result(syscall(__NR_sched_setaffinity, pid, count / 8, processors));
}
