/* Conditions on the arguments of a system call. Inside this folder (and its tests) only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seccomp/bpf.h"
#include "spec/spec.h"

#define CONDITIONS_ARGUMENTS 6

/* All conditions must hold; each looks at another argument. With none it always applies. */
struct alternative {
	uint32_t action; /* SECCOMP_RET_* with its data */
	unsigned n;
	struct spec_seccomp_arg conditions[CONDITIONS_ARGUMENTS];
};

/* Adds a condition in its plain form: masked values, only the lower half for a @narrow architecture, and an
 * equality instead of a full mask. One on the same argument is replaced. */
void conditions_add(struct alternative *alternative, struct spec_seccomp_arg condition,
		    bool narrow);

/* Whether it is certain that no system call meets both. */
bool conditions_exclude(const struct alternative *a, const struct alternative *b, bool narrow);

/* Writes the test of an alternative.
 * @otherwise: where to go on when it does not apply. Returns where the test starts. */
size_t conditions_write(const struct alternative *alternative, bool narrow,
			struct bpf_builder *builder, size_t otherwise);
