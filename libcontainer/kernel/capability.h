/* The calls about capabilities. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The sets that capget(2) and capset(2) know, a bit a number. */
struct capability_sets {
	uint64_t effective, permitted, inheritable;
};

/* Those of the calling thread. Return 0 or -errno. */
int capability_get_sets(struct capability_sets *ret_sets) _must_check_;
int capability_set_sets(const struct capability_sets *sets) _must_check_;

/* Whether @number is in the bounding, or in the ambient set; not, for one that the kernel does not know. */
bool capability_is_bounding(int number);
bool capability_is_ambient(int number);

/* Takes @number out of the bounding set: EINVAL beyond the kernel's last one, EPERM without CAP_SETPCAP. */
int capability_drop_bounding(int number) _must_check_;

/* Adds @number to the ambient set: EPERM unless it is permitted and inheritable. */
int capability_raise_ambient(int number) _must_check_;
int capability_clear_ambient(void) _must_check_;
