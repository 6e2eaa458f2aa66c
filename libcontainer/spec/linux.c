/* linux: namespaces and what needs one of them, devices, masks, and the sections that have files of
 * their own. Everything is checked but what only the kernel can say, such as whether a path names a
 * namespace of its type (spec 151). */
#include "spec/decode.h"

#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define MAJOR_MAX 0xfff /* MAJOR and MINOR of the kernel's dev_t: 12 and 20 bits */
#define MINOR_MAX 0xfffff
#define DEVICE_NAME_SIZE 16 /* IFNAMSIZ, with the NUL */
#define NET_DEVICES_MAX 1024 /* compared each with each */

static const struct field namespace_fields[] = {
	F_WORD(spec_namespace, "type", type, NAMESPACE, .flags = REQUIRED,
	       .say = "unknown namespace type"),
	F_STRING(spec_namespace, "path", path, .flags = ABSOLUTE),
};
static const struct object_type type_namespace = OBJECT_TYPE(spec_namespace, namespace_fields,
							     NULL);

static const struct field time_offset_fields[] = {
	F_INT(spec_time_offset, "secs", secs, INT64_MIN, INT64_MAX),
	F_INT(spec_time_offset, "nanosecs", nanosecs, 0, 999999999),
};
static const struct object_type type_time_offset = OBJECT_TYPE(spec_time_offset,
							       time_offset_fields, NULL);

static const struct field time_offsets_fields[] = {
	F_OBJECT(spec_time_offsets, "boottime", boottime, type_time_offset),
	F_OBJECT(spec_time_offsets, "monotonic", monotonic, type_time_offset),
};
static const struct object_type type_time_offsets = OBJECT_TYPE(spec_time_offsets,
								time_offsets_fields, NULL);

/* ---- devices ---- */

/* spec 162 */
static void check_device(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_device *device = object;

	if (!sound(at, "type") || device->type == S_IFIFO)
		return;
	if (!given(json, "major"))
		problem(at, "major", "is required for a device that is no fifo");
	if (!given(json, "minor"))
		problem(at, "minor", "is required for a device that is no fifo");
}

static const struct field device_fields[] = {
	F_WORD(spec_device, "type", type, DEVICE_TYPE, .flags = REQUIRED,
	       .say = "unknown device type"),
	F_STRING(spec_device, "path", path, .flags = REQUIRED | ABSOLUTE),
	F_INT(spec_device, "major", major, 0, MAJOR_MAX),
	F_INT(spec_device, "minor", minor, 0, MINOR_MAX),
	F_OPT_UINT(spec_device, "fileMode", file_mode, 0177777),
	F_OPT_UINT(spec_device, "uid", uid, UINT32_MAX - 1),
	F_OPT_UINT(spec_device, "gid", gid, UINT32_MAX - 1),
};
static const struct object_type type_device = OBJECT_TYPE(spec_device, device_fields,
							  check_device);

bool is_net_device_name(const char *name, bool template)
{
	const char *percent = strchr(name, '%');

	if (!*name || strlen(name) >= DEVICE_NAME_SIZE || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strpbrk(name, "/: \t\n\v\f\r"))
		return false;
	return !template || !percent || (percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static void check_net_device(const struct place *at, void *object,
			     const struct json_value *json)
{
	const struct spec_net_device *device = object;

	(void)json;
	if (!is_net_device_name(device->host_name, false))
		problem(at, NULL, "invalid network device name \"%.100s\"", device->host_name);
	if (device->name && !is_net_device_name(device->name, true))
		problem(at, "name", "invalid network device name \"%.100s\"", device->name);
}

static const struct field net_device_fields[] = {
	F_STRING(spec_net_device, "name", name),
};
static const struct object_type type_net_device = OBJECT_TYPE(
	spec_net_device, net_device_fields, check_net_device);

/* spec 170: the kernel would refuse the second of two devices with one name */
static void check_net_devices(const struct place *at, const struct spec_linux *lin)
{
	struct place devices = place_member(at, "netDevices");
	size_t i, j;

	if (lin->n_net_devices == 0)
		return;
	if (sound(at, "namespaces") && !spec_namespace_find(lin, SPEC_NAMESPACE_NETWORK))
		problem(at, "netDevices",
			"unable to move network devices without a NET namespace");
	if (lin->n_net_devices > NET_DEVICES_MAX) {
		problem(at, "netDevices", "more than %d devices", NET_DEVICES_MAX);
		return;
	}
	for (i = 0; i < lin->n_net_devices; i++) {
		const struct spec_net_device *a = &lin->net_devices[i];
		const char *a_name = a->name ? a->name : a->host_name;

		for (j = 0; j < i && !strchr(a_name, '%'); j++) {
			const struct spec_net_device *b = &lin->net_devices[j];

			if (strcmp(a_name, b->name ? b->name : b->host_name) == 0)
				problem(&devices, a->host_name,
					"\"%s\" gets the same name in the container",
					b->host_name);
		}
	}
}

/* ---- personality, Intel RDT ---- */

/* The specification has no values for the flags, so they have no place in spec_personality. */
struct personality_in_file {
	struct spec_personality personality;
	size_t n_flags;
	const char *const *flags;
};

static void check_personality(const struct place *at, void *object,
			      const struct json_value *json)
{
	const struct personality_in_file *file = object;

	(void)json;
	if (file->n_flags > 0)
		problem(at, "flags", "the specification has no personality flags");
}

static const struct field personality_fields[] = {
	F_WORD(personality_in_file, "domain", personality.domain, PERSONALITY,
	       .flags = REQUIRED, .say = "unknown personality domain"),
	F_STRINGS(personality_in_file, "flags", flags),
};
static const struct object_type type_personality = OBJECT_TYPE(
	personality_in_file, personality_fields, check_personality);

static void check_intel_rdt(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_intel_rdt *rdt = object;
	const char *clos = rdt->clos_id;

	(void)json;
	if (clos && strcmp(clos, "/") != 0 &&
	    (strchr(clos, '/') || strcmp(clos, ".") == 0 || strcmp(clos, "..") == 0))
		problem(at, "closID", "must be one plain name, or \"/\"");
	if (rdt->mem_bw_schema && strncmp(rdt->mem_bw_schema, "MB:", 3) != 0)
		problem(at, "memBwSchema", "must start with \"MB:\"");
}

static const struct field intel_rdt_fields[] = {
	F_STRING(spec_intel_rdt, "closID", clos_id, .flags = ONE_LINE),
	F_STRINGS(spec_intel_rdt, "schemata", schemata, .flags = ONE_LINE),
	F_STRING(spec_intel_rdt, "l3CacheSchema", l3_cache_schema, .flags = ONE_LINE),
	F_STRING(spec_intel_rdt, "memBwSchema", mem_bw_schema, .flags = ONE_LINE),
	F_BOOL(spec_intel_rdt, "enableMonitoring", enable_monitoring),
};
static const struct object_type type_intel_rdt = OBJECT_TYPE(spec_intel_rdt, intel_rdt_fields,
							     check_intel_rdt);

/* ---- the section as a whole ---- */

/* spec 154 */
static void check_namespaces_once(const struct place *at, const struct spec_linux *lin)
{
	struct place list = place_member(at, "namespaces");
	unsigned seen = 0;
	size_t i;

	for (i = 0; i < lin->n_namespaces; i++) {
		struct place here = place_element(&list, i);
		unsigned bit = 1U << lin->namespaces[i].type;

		if (!sound(&here, "type"))
			continue;
		if (seen & bit)
			problem(&here, "type", "malformed spec file: duplicated ns \"%s\"",
				spec_namespace_name(lin->namespaces[i].type));
		seen |= bit;
	}
}

static void check_user_namespace(const struct place *at, const struct spec_linux *lin)
{
	const struct spec_namespace *ns = spec_namespace_find(lin, SPEC_NAMESPACE_USER);
	size_t uids = lin->n_uid_mappings, gids = lin->n_gid_mappings;

	check_id_mappings(at, "uidMappings", uids, lin->uid_mappings);
	check_id_mappings(at, "gidMappings", gids, lin->gid_mappings);
	if (!sound(at, "namespaces") || !sound(at, "uidMappings") || !sound(at, "gidMappings"))
		return;
	if (!ns && (uids > 0 || gids > 0))
		problem(at, uids > 0 ? "uidMappings" : "gidMappings",
			"user namespace mappings specified, but the container has no user "
			"namespace");
	else if (ns && !ns->path && uids == 0 && gids == 0)
		problem(at, "uidMappings",
			"user namespaces enabled, but no namespace path to join nor mappings "
			"to apply specified");
	else if (ns && !ns->path && (uids == 0 || gids == 0))
		problem(at, uids == 0 ? "uidMappings" : "gidMappings",
			"a new user namespace needs both uidMappings and gidMappings");
}

static void check_time_namespace(const struct place *at, const struct spec_linux *lin)
{
	const struct spec_namespace *ns = spec_namespace_find(lin, SPEC_NAMESPACE_TIME);
	bool offsets = lin->time_offsets &&
		       (lin->time_offsets->boottime || lin->time_offsets->monotonic);

	if (!offsets || !sound(at, "namespaces"))
		return;
	if (!ns)
		problem(at, "timeOffsets",
			"time namespace offsets specified, but the container has no time "
			"namespace");
	else if (ns->path)
		problem(at, "timeOffsets",
			"time namespace enabled, but both namespace path and time offsets "
			"specified -- you may only provide one");
}

static bool has_dotdot(const char *path)
{
	size_t length;

	for (;; path += length + 1) {
		length = strcspn(path, "/");
		if (length == 2 && memcmp(path, "..", 2) == 0)
			return true;
		if (path[length] == '\0')
			return false;
	}
}

static void check_linux(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_linux *lin = object;
	struct place resources = place_member(at, "resources");

	(void)json;
	check_namespaces_once(at, lin);
	check_user_namespace(at, lin);
	check_time_namespace(at, lin);
	check_net_devices(at, lin);
	if (lin->cgroups_path && has_dotdot(lin->cgroups_path))
		problem(at, "cgroupsPath", "must not contain \"..\"");
	if (lin->resources && lin->resources->memory)
		check_swap(&resources, lin->resources->memory);
}

static const struct field linux_fields[] = {
	F_OBJECTS(spec_linux, "namespaces", namespaces, type_namespace),
	F_OBJECTS(spec_linux, "uidMappings", uid_mappings, type_id_mapping),
	F_OBJECTS(spec_linux, "gidMappings", gid_mappings, type_id_mapping),
	F_OBJECT(spec_linux, "timeOffsets", time_offsets, type_time_offsets),
	F_OBJECTS(spec_linux, "devices", devices, type_device),
	F_NAMED_OBJECTS(spec_linux, "netDevices", net_devices, type_net_device),
	F_STRING(spec_linux, "cgroupsPath", cgroups_path, .flags = ONE_LINE),
	F_OBJECT(spec_linux, "resources", resources, type_resources),
	F_OBJECT(spec_linux, "intelRdt", intel_rdt, type_intel_rdt),
	F_OBJECT(spec_linux, "memoryPolicy", memory_policy, type_memory_policy),
	F_PAIRS(spec_linux, "sysctl", sysctl),
	F_OBJECT(spec_linux, "seccomp", seccomp, type_seccomp),
	F_WORD(spec_linux, "rootfsPropagation", rootfs_propagation, PROPAGATION,
	       .say = "unknown propagation"),
	F_STRINGS(spec_linux, "maskedPaths", masked_paths, .flags = ABSOLUTE),
	F_STRINGS(spec_linux, "readonlyPaths", readonly_paths, .flags = ABSOLUTE),
	F_STRING(spec_linux, "mountLabel", mount_label, .flags = ONE_LINE),
	F_OBJECT(spec_linux, "personality", personality, type_personality),
};
const struct object_type type_linux = OBJECT_TYPE(spec_linux, linux_fields, check_linux);
