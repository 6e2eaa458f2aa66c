/* linux.memoryPolicy: what set_mempolicy(2) would refuse on any machine is refused here, with the
 * property at fault instead of its one EINVAL for everything. Which nodes there are, only the kernel
 * knows. */
#include "spec/decode.h"

#include <inttypes.h>

#include "base/cleanup.h"

/* include/uapi/linux/mempolicy.h */
enum {
	MODE_DEFAULT = 0,
	MODE_PREFERRED = 1,
	MODE_BIND = 2,
	MODE_LOCAL = 4,
	MODE_PREFERRED_MANY = 5,
	FLAG_NUMA_BALANCING = 1 << 13,
	FLAG_RELATIVE_NODES = 1 << 14,
	FLAG_STATIC_NODES = 1 << 15,
};

static void check_flags(const struct place *at, const struct spec_memory_policy *policy)
{
	unsigned of_nodes = policy->flags & (FLAG_RELATIVE_NODES | FLAG_STATIC_NODES);

	if (of_nodes == (FLAG_RELATIVE_NODES | FLAG_STATIC_NODES))
		problem(at, "flags",
			"invalid memory policy flag: MPOL_F_RELATIVE_NODES and "
			"MPOL_F_STATIC_NODES exclude each other");
	if (of_nodes != 0 && !policy->nodes)
		problem(at, "flags",
			"invalid memory policy flag: MPOL_F_RELATIVE_NODES and "
			"MPOL_F_STATIC_NODES need nodes");
	if (policy->flags & FLAG_NUMA_BALANCING && policy->mode != MODE_BIND &&
	    policy->mode != MODE_PREFERRED_MANY)
		problem(at, "flags",
			"invalid memory policy flag: MPOL_F_NUMA_BALANCING goes with MPOL_BIND "
			"and MPOL_PREFERRED_MANY only");
}

static void check_memory_policy(const struct place *at, void *object,
				const struct json_value *json)
{
	const struct spec_memory_policy *policy = object;
	bool none = policy->mode == MODE_DEFAULT || policy->mode == MODE_LOCAL;

	(void)json;
	if (!sound(at, NULL))
		return;
	if (none && policy->nodes)
		problem(at, "nodes", "mode requires 0 nodes but got %" PRId64,
			list_count(policy->nodes));
	else if (!none && !policy->nodes && policy->mode != MODE_PREFERRED)
		problem(at, "nodes", "mode requires at least one node");
	check_flags(at, policy);
}

static const struct field memory_policy_fields[] = {
	F_WORD(spec_memory_policy, "mode", mode, MEMORY_MODE, .flags = REQUIRED,
	       .say = "invalid memory policy mode"),
	F_STRING(spec_memory_policy, "nodes", nodes, .flags = LIST,
		 .say = "invalid memory policy nodes"),
	F_WORDS(spec_memory_policy, "flags", flags, MEMORY_FLAG,
		.say = "invalid memory policy flag"),
};
const struct object_type type_memory_policy = OBJECT_TYPE(
	spec_memory_policy, memory_policy_fields, check_memory_policy);
