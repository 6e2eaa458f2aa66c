/* Between doctor.c and doctor_try.c: trying in a child what a container would need, so that nothing of it
 * stays. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What is tried after the namespaces were made. Each mount is detached and vanishes with the child. */
enum doctor_try {
	DOCTOR_TRY_NOTHING, /* the namespaces alone */
	DOCTOR_TRY_PRIVATE, /* part from the host's mounts */
	DOCTOR_TRY_TMPFS,
	DOCTOR_TRY_PROC,
	DOCTOR_TRY_SYSFS,
	DOCTOR_TRY_MQUEUE,
	DOCTOR_TRY_DEVPTS,
	DOCTOR_TRY_CGROUP,
	DOCTOR_TRY_OVERLAY, /* with a writable layer */
	DOCTOR_TRY_DEVICE_NODE, /* mknod(2) of a character device */
};

/* Clones a child into new namespaces, maps the caller's id to root there when a user namespace is among them,
 * and has it try.
 * @flags: CLONE_NEW*. Returns 0 or -errno of what failed. */
int doctor_try(uint64_t flags, enum doctor_try what, int proc);
