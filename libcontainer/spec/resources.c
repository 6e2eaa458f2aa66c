/* linux.resources: limits as the file asks for them. Their meaning for cgroup v2 is the plan's. Names
 * that become file names of a cgroup directory (unified, page sizes) are kept from leaving it: the
 * kernel would let a privileged writer follow "../" to another container's limits. */
#include "spec/decode.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* ---- devices ---- */

static void check_device_rule(const struct place *at, void *object,
			      const struct json_value *json)
{
	struct spec_device_rule *rule = object;
	const struct json_value *type = json_member(json, "type");

	rule->type = 'a';
	if (type && type->type == JSON_STRING && type->text[0]) {
		rule->type = type->text[0];
		if (type->text[1] || !strchr("acb", type->text[0]))
			problem(at, "type", "must be \"a\", \"c\" or \"b\"");
	} else if (type && type->type != JSON_NULL && type->type != JSON_STRING) {
		problem(at, "type", "expected a string, found %s", json_type_name(type->type));
	}
	if (!given(json, "major"))
		rule->major = -1;
	if (!given(json, "minor"))
		rule->minor = -1;
	if (rule->access && rule->access[strspn(rule->access, "rwm")])
		problem(at, "access", "must consist of \"r\", \"w\" and \"m\"");
}

/* type is one character in the struct and not of the engine's kinds: check_device_rule() reads it. */
static const struct field device_rule_fields[] = {
	F_BOOL(spec_device_rule, "allow", allow, .flags = REQUIRED),
	{ .name = "type", .kind = FIELD_SELF },
	F_INT(spec_device_rule, "major", major, -1, UINT32_MAX),
	F_INT(spec_device_rule, "minor", minor, -1, UINT32_MAX),
	F_STRING(spec_device_rule, "access", access),
};
static const struct object_type type_device_rule = OBJECT_TYPE(
	spec_device_rule, device_rule_fields, check_device_rule);

/* ---- memory, cpu, pids ---- */

static const struct field memory_fields[] = {
	F_OPT_INT(spec_memory, "limit", limit, -1, INT64_MAX),
	F_OPT_INT(spec_memory, "reservation", reservation, -1, INT64_MAX),
	F_OPT_INT(spec_memory, "swap", swap, -1, INT64_MAX),
	F_OPT_INT(spec_memory, "kernel", kernel, -1, INT64_MAX),
	F_OPT_INT(spec_memory, "kernelTCP", kernel_tcp, -1, INT64_MAX),
	F_OPT_UINT(spec_memory, "swappiness", swappiness, 100),
	F_OPT_BOOL(spec_memory, "disableOOMKiller", disable_oom_killer),
	F_OPT_BOOL(spec_memory, "useHierarchy", use_hierarchy),
	F_OPT_BOOL(spec_memory, "checkBeforeUpdate", check_before_update),
};
static const struct object_type type_memory = OBJECT_TYPE(spec_memory, memory_fields, NULL);

/* memory.swap.max of cgroup v2 counts swap alone, so the sum can't be split without the limit. */
void check_swap(const struct place *at, const struct spec_memory *memory)
{
	struct place here = place_member(at, "memory");

	if (!sound(&here, NULL) || memory->swap.value <= 0)
		return;
	if (memory->limit.value == 0)
		problem(&here, "swap", "unable to set swap limit without memory limit");
	else if (memory->limit.value < 0 || memory->swap.value < memory->limit.value)
		problem(&here, "swap", "memory+swap limit should be >= memory limit");
}

/* spec 200 */
static void check_cpu(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_cpu *cpu = object;

	(void)json;
	if (sound(at, NULL) && cpu->quota.value > 0 &&
	    cpu->burst.value > (uint64_t)cpu->quota.value)
		problem(at, "burst", "must not be larger than quota");
}

static const struct field cpu_fields[] = {
	F_OPT_UINT(spec_cpu, "shares", shares, UINT64_MAX),
	F_OPT_INT(spec_cpu, "quota", quota, INT64_MIN, INT64_MAX),
	F_OPT_UINT(spec_cpu, "burst", burst, UINT64_MAX),
	F_OPT_UINT(spec_cpu, "period", period, UINT64_MAX),
	F_OPT_INT(spec_cpu, "realtimeRuntime", realtime_runtime, INT64_MIN, INT64_MAX),
	F_OPT_UINT(spec_cpu, "realtimePeriod", realtime_period, UINT64_MAX),
	F_STRING(spec_cpu, "cpus", cpus, .flags = LIST),
	F_STRING(spec_cpu, "mems", mems, .flags = LIST),
	F_OPT_INT(spec_cpu, "idle", idle, 0, 1),
};
static const struct object_type type_cpu = OBJECT_TYPE(spec_cpu, cpu_fields, check_cpu);

static const struct field pids_fields[] = {
	F_OPT_INT(spec_pids, "limit", limit, -1, INT64_MAX),
};
static const struct object_type type_pids = OBJECT_TYPE(spec_pids, pids_fields, NULL);

/* ---- blockIO ---- */

static void check_weight_device(const struct place *at, void *object,
				const struct json_value *json)
{
	(void)object;
	if (!given(json, "weight") && !given(json, "leafWeight"))
		problem(at, NULL, "needs weight or leafWeight");
}

static const struct field weight_device_fields[] = {
	F_INT(spec_weight_device, "major", major, 0, UINT32_MAX, .flags = REQUIRED),
	F_INT(spec_weight_device, "minor", minor, 0, UINT32_MAX, .flags = REQUIRED),
	F_OPT_UINT(spec_weight_device, "weight", weight, UINT16_MAX),
	F_OPT_UINT(spec_weight_device, "leafWeight", leaf_weight, UINT16_MAX),
};
static const struct object_type type_weight_device = OBJECT_TYPE(
	spec_weight_device, weight_device_fields, check_weight_device);

static const struct field throttle_device_fields[] = {
	F_INT(spec_throttle_device, "major", major, 0, UINT32_MAX, .flags = REQUIRED),
	F_INT(spec_throttle_device, "minor", minor, 0, UINT32_MAX, .flags = REQUIRED),
	F_INT(spec_throttle_device, "rate", rate, 0, UINT64_MAX, .flags = REQUIRED),
};
static const struct object_type type_throttle_device = OBJECT_TYPE(
	spec_throttle_device, throttle_device_fields, NULL);

static const struct field block_io_fields[] = {
	F_OPT_UINT(spec_block_io, "weight", weight, UINT16_MAX),
	F_OPT_UINT(spec_block_io, "leafWeight", leaf_weight, UINT16_MAX),
	F_OBJECTS(spec_block_io, "weightDevice", weight_device, type_weight_device),
	F_OBJECTS(spec_block_io, "throttleReadBpsDevice", throttle_read_bps_device,
		  type_throttle_device),
	F_OBJECTS(spec_block_io, "throttleWriteBpsDevice", throttle_write_bps_device,
		  type_throttle_device),
	F_OBJECTS(spec_block_io, "throttleReadIOPSDevice", throttle_read_iops_device,
		  type_throttle_device),
	F_OBJECTS(spec_block_io, "throttleWriteIOPSDevice", throttle_write_iops_device,
		  type_throttle_device),
};
static const struct object_type type_block_io = OBJECT_TYPE(spec_block_io, block_io_fields,
							    NULL);

/* ---- hugepageLimits, network, rdma ---- */

/* spec 207 */
static void check_hugepage_limit(const struct place *at, void *object,
				 const struct json_value *json)
{
	const struct spec_hugepage_limit *limit = object;
	size_t digits;

	(void)json;
	if (!limit->page_size)
		return;
	digits = strspn(limit->page_size, "0123456789");
	if (digits == 0 || limit->page_size[0] == '0' ||
	    !strchr("KMG", limit->page_size[digits]) ||
	    strcmp(limit->page_size + digits + 1, "B") != 0)
		problem(at, "pageSize", "\"%.100s\" has not the form of 64KB, 2MB or 1GB",
			limit->page_size);
}

static const struct field hugepage_limit_fields[] = {
	F_STRING(spec_hugepage_limit, "pageSize", page_size, .flags = REQUIRED),
	F_INT(spec_hugepage_limit, "limit", limit, 0, UINT64_MAX, .flags = REQUIRED),
};
static const struct object_type type_hugepage_limit = OBJECT_TYPE(
	spec_hugepage_limit, hugepage_limit_fields, check_hugepage_limit);

static void check_net_priority(const struct place *at, void *object,
			       const struct json_value *json)
{
	const struct spec_net_priority *priority = object;

	(void)json;
	if (priority->name && !is_net_device_name(priority->name, false))
		problem(at, "name", "invalid network device name \"%.100s\"", priority->name);
}

static const struct field net_priority_fields[] = {
	F_STRING(spec_net_priority, "name", name, .flags = REQUIRED),
	F_INT(spec_net_priority, "priority", priority, 0, UINT32_MAX, .flags = REQUIRED),
};
static const struct object_type type_net_priority = OBJECT_TYPE(
	spec_net_priority, net_priority_fields, check_net_priority);

static const struct field network_fields[] = {
	F_OPT_UINT(spec_network, "classID", class_id, UINT32_MAX),
	F_OBJECTS(spec_network, "priorities", priorities, type_net_priority),
};
static const struct object_type type_network = OBJECT_TYPE(spec_network, network_fields, NULL);

/* spec 212; the device is one word of the line that is written to rdma.max */
static void check_rdma(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_rdma *rdma = object;

	if (!given(json, "hcaHandles") && !given(json, "hcaObjects"))
		problem(at, NULL, "needs hcaHandles or hcaObjects");
	if (!*rdma->device || strpbrk(rdma->device, " \t\n="))
		problem(at, NULL, "invalid device name");
}

static const struct field rdma_fields[] = {
	F_OPT_UINT(spec_rdma, "hcaHandles", hca_handles, UINT32_MAX),
	F_OPT_UINT(spec_rdma, "hcaObjects", hca_objects, UINT32_MAX),
};
static const struct object_type type_rdma = OBJECT_TYPE(spec_rdma, rdma_fields, check_rdma);

/* ---- the section as a whole ---- */

/* These files act on processes and limit nothing: a process of the host that got into the cgroup by
 * cgroup.procs would be killed with the container, and an init born into a frozen cgroup never moves. */
static bool acts_on_processes(const char *file)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.threads", "cgroup.kill",
					     "cgroup.freeze",
					     /* a threaded cgroup has no cgroup.kill */
					     "cgroup.type" };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(files); i++)
		if (strcmp(file, files[i]) == 0)
			return true;
	return false;
}

static void check_resources(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_resources *resources = object;
	struct place unified = place_member(at, "unified");
	size_t i;

	(void)json;
	for (i = 0; i < resources->n_unified; i++) {
		const char *key = resources->unified[i].key;

		if (*key && !path_is_name(key))
			problem(&unified, key, "is no name of a file in a cgroup directory");
		else if (acts_on_processes(key))
			problem(&unified, key, "acts on processes, it is no limit");
	}
}

static const struct field resources_fields[] = {
	F_OBJECTS(spec_resources, "devices", devices, type_device_rule),
	F_OBJECT(spec_resources, "memory", memory, type_memory),
	F_OBJECT(spec_resources, "cpu", cpu, type_cpu),
	F_OBJECT(spec_resources, "blockIO", block_io, type_block_io),
	F_OBJECTS(spec_resources, "hugepageLimits", hugepage_limits, type_hugepage_limit),
	F_OBJECT(spec_resources, "network", network, type_network),
	F_OBJECT(spec_resources, "pids", pids, type_pids),
	F_NAMED_OBJECTS(spec_resources, "rdma", rdma, type_rdma),
	F_PAIRS(spec_resources, "unified", unified),
};
const struct object_type type_resources = OBJECT_TYPE(spec_resources, resources_fields,
						      check_resources);
