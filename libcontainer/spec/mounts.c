/* mounts and id mappings. Options stay strings: the plan gives them their meaning; here only what makes
 * a mount impossible is found. A mount is a bind mount by its options, never by its type (spec 78). The
 * kernel refuses a map with overlapping ranges as a whole, without saying which (user_namespaces(7)). */
#include "spec/decode.h"

#include <string.h>

#include "base/cleanup.h"

/* UID_GID_MAP_MAX_EXTENTS of the kernel: user_namespaces(7) */
#define EXTENTS_MAX 340
#define ID_MAX (UINT32_MAX - 1)

static void check_id_mapping(const struct place *at, void *object,
			     const struct json_value *json)
{
	const struct spec_id_mapping *mapping = object;

	(void)json;
	if (!sound(at, NULL))
		return;
	if ((uint64_t)mapping->container_id + mapping->size > UINT32_MAX ||
	    (uint64_t)mapping->host_id + mapping->size > UINT32_MAX)
		problem(at, "size", "the range goes beyond the greatest id, %u", ID_MAX);
}

static const struct field id_mapping_fields[] = {
	F_INT(spec_id_mapping, "containerID", container_id, 0, ID_MAX, .flags = REQUIRED),
	F_INT(spec_id_mapping, "hostID", host_id, 0, ID_MAX, .flags = REQUIRED),
	F_INT(spec_id_mapping, "size", size, 1, UINT32_MAX, .flags = REQUIRED),
};
const struct object_type type_id_mapping = OBJECT_TYPE(spec_id_mapping, id_mapping_fields,
						       check_id_mapping);

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

void check_id_mappings(const struct place *at, const char *name, size_t n_mappings,
		       const struct spec_id_mapping *mappings)
{
	struct place list = place_member(at, name);
	size_t i, j;

	if (!sound(at, name))
		return;
	if (n_mappings > EXTENTS_MAX) {
		problem(at, name, "%zu ranges, the kernel takes %d", n_mappings, EXTENTS_MAX);
		return;
	}
	for (i = 0; i < n_mappings; i++) {
		const struct spec_id_mapping *a = &mappings[i];
		struct place here = place_element(&list, i);

		for (j = 0; j < i; j++) {
			const struct spec_id_mapping *b = &mappings[j];

			if (overlap(a->container_id, a->size, b->container_id, b->size))
				problem(&here, "containerID", "the range overlaps with [%zu]",
					j);
			if (overlap(a->host_id, a->size, b->host_id, b->size))
				problem(&here, "hostID", "the range overlaps with [%zu]", j);
		}
	}
}

static bool has_option(const struct spec_mount *mount, const char *option)
{
	size_t i;

	for (i = 0; i < mount->n_options; i++)
		if (strcmp(mount->options[i], option) == 0)
			return true;
	return false;
}

static void check_mount(const struct place *at, void *object, const struct json_value *json)
{
	const struct spec_mount *mount = object;
	bool bind = has_option(mount, "bind") || has_option(mount, "rbind");
	bool remount = has_option(mount, "remount");

	(void)json;
	check_id_mappings(at, "uidMappings", mount->n_uid_mappings, mount->uid_mappings);
	check_id_mappings(at, "gidMappings", mount->n_gid_mappings, mount->gid_mappings);
	if (sound(at, "uidMappings") && sound(at, "gidMappings") &&
	    !mount->n_uid_mappings != !mount->n_gid_mappings)
		problem(at, mount->n_uid_mappings ? "gidMappings" : "uidMappings",
			"uidMappings and gidMappings must be given together");
	if (!sound(at, "options") || !sound(at, "source") || !sound(at, "type") || remount)
		return;
	if (bind && !mount->source)
		problem(at, "source", "a bind mount needs a source");
	if (!bind && !mount->type)
		problem(at, "type", "is required, because the options have no bind or rbind");
}

static const struct field mount_fields[] = {
	F_STRING(spec_mount, "destination", destination, .flags = REQUIRED),
	F_STRING(spec_mount, "source", source),
	F_STRING(spec_mount, "type", type),
	F_STRINGS(spec_mount, "options", options),
	F_OBJECTS(spec_mount, "uidMappings", uid_mappings, type_id_mapping),
	F_OBJECTS(spec_mount, "gidMappings", gid_mappings, type_id_mapping),
};
const struct object_type type_mount = OBJECT_TYPE(spec_mount, mount_fields, check_mount);

static const struct field place_fields[] = {
	F_STRING(spec_mount, "destination", destination, .flags = REQUIRED),
};
static const struct object_type type_mount_place = OBJECT_TYPE(spec_mount, place_fields, NULL);

static const struct field list_fields[] = {
	F_OBJECTS(spec_mount_list, "mounts", mounts, type_mount),
};
static const struct object_type type_list = OBJECT_TYPE(spec_mount_list, list_fields, NULL);

static const struct field list_of_places_fields[] = {
	F_OBJECTS(spec_mount_list, "mounts", mounts, type_mount_place),
};
static const struct object_type type_list_of_places = OBJECT_TYPE(spec_mount_list,
								  list_of_places_fields, NULL);

/* Makes the list a member, so that its places are called as in config.json. */
static int load_list(const struct object_type *type, const struct json_value *json,
		     struct decoder *decoder, const struct spec_mount_list **ret_list,
		     struct error *err)
{
	const struct json_member member = { .name = "mounts", .value = *json };
	const struct json_value object = {
		.type = JSON_OBJECT,
		.count = 1,
		.members = &member,
	};
	struct spec_mount_list *list = arena_alloc(decoder->arena, sizeof *list);
	struct place whole = { .decoder = decoder };
	int r;

	if (!list)
		return error_oom(err);
	if (json->type != JSON_ARRAY)
		return error_set(err, EINVAL, "%s: mounts must be an array, not %s",
				 decoder->name, json_type_name(json->type));
	decode_object(&whole, type, &object, list);
	r = decoder_finish(decoder, err);
	if (r < 0)
		return r;
	*ret_list = list;
	return 0;
}

int spec_load_mounts(const char *text, size_t length, const char *name, struct arena *arena,
		     const struct spec_mount_list **ret_list, struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = name };
	const struct json_value *json;
	int r;

	r = json_parse(text, length, name, arena, &json, err);
	return r < 0 ? r : load_list(&type_list, json, &decoder, ret_list, err);
}

int spec_load_mount_places(const char *text, size_t length, const char *name,
			   struct arena *arena, const struct spec_mount_list **ret_list,
			   struct error *err)
{
	struct decoder decoder = { .arena = arena, .name = name };
	const struct json_value *json;
	int r;

	r = json_parse(text, length, name, arena, &json, err);
	return r < 0 ? r : load_list(&type_list_of_places, json, &decoder, ret_list, err);
}
