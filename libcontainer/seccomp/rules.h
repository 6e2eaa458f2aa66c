/* A profile as answers: for each architecture which numbers of system calls get which. Inside this folder
 * (and its tests) only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "seccomp/conditions.h"
#include "seccomp/names.h"
#include "spec/spec.h"

/* The conditional rules of a call. */
struct choice {
	bool narrow;
	size_t n; /* at least 1 */
	struct alternative *alternatives;
};

/* What numbers from @first up to the next range's get. */
struct range {
	uint32_t first;
	uint32_t action; /* when no alternative applies */
	const struct choice *choice; /* NULL: none */
};

/* All numbers of one value of seccomp_data.arch. */
struct range_list {
	uint32_t audit;
	size_t n;
	struct range *ranges; /* the first starts at 0 */
};

struct rule_set;

/* SECCOMP_RET_* with its data. The default of @value is EPERM (spec 234, 247). */
uint32_t rules_action(enum spec_seccomp_action action, const struct spec_opt_uint *value);

/* Whether a system call that is newer than the profile gets ENOSYS: not where it is allowed anyway or a
 * tracer decides, and not where everything gets ENOSYS. */
bool rules_want_enosys(const struct spec_seccomp *spec);

/* Reads the rules of a profile, by name. @ret_rules: in the arena; borrows @spec. */
int rules_read(const struct spec_seccomp *spec, struct arena *arena,
	       struct rule_set **ret_rules, struct error *err) _must_check_;

/* The answers of the architectures that share an audit value.
 * @architectures: one, or x86_64 and x32 in this order. @ret_list: in the arena.
 * Returns 1; 0 when two rules of different action may meet on one call, which is libseccomp's to settle. */
int rules_answer(const struct rule_set *rules,
		 const struct names_architecture *const *architectures, size_t n_architectures,
		 struct range_list *ret_list, struct error *err) _must_check_;
