/* Id maps: 12 bytes a range (container, host, size), put into a config.json as it would be written. Of an
 * accepted map no two ranges overlap and none goes beyond the last id, and the plan has a line for each. */
#include <inttypes.h>
#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"

#define RANGE_SIZE 12

static void put_ranges(struct json_writer *writer, const char *key, const uint8_t *data,
		       size_t size)
{
	uint32_t range[3];

	json_key(writer, key);
	json_array_begin(writer);
	for (; size >= RANGE_SIZE; data += RANGE_SIZE, size -= RANGE_SIZE) {
		memcpy(range, data, RANGE_SIZE);
		json_object_begin(writer);
		json_key_uint(writer, "containerID", range[0]);
		json_key_uint(writer, "hostID", range[1]);
		json_key_uint(writer, "size", range[2]);
		json_object_end(writer);
	}
	json_array_end(writer);
}

static void put_config(struct json_writer *writer, const uint8_t *data, size_t size)
{
	static const char *const types[] = { "mount", "user" };
	size_t i;

	json_object_begin(writer);
	json_key_string(writer, "ociVersion", "1.3.0");
	json_key(writer, "root");
	json_object_begin(writer);
	json_key_string(writer, "path", "rootfs");
	json_object_end(writer);
	json_key(writer, "linux");
	json_object_begin(writer);
	json_key(writer, "namespaces");
	json_array_begin(writer);
	for (i = 0; i < 2; i++) {
		json_object_begin(writer);
		json_key_string(writer, "type", types[i]);
		json_object_end(writer);
	}
	json_array_end(writer);
	put_ranges(writer, "uidMappings", data, size);
	put_ranges(writer, "gidMappings", data, size);
	json_object_end(writer);
	json_object_end(writer);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void check_ranges(const struct spec_id_mapping *maps, size_t count)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		require(maps[i].size > 0);
		require((uint64_t)maps[i].container_id + maps[i].size <= UINT32_MAX);
		require((uint64_t)maps[i].host_id + maps[i].size <= UINT32_MAX);
		for (j = 0; j < i; j++) {
			require(!overlap(maps[i].container_id, maps[i].size,
					 maps[j].container_id, maps[j].size));
			require(!overlap(maps[i].host_id, maps[i].size, maps[j].host_id,
					 maps[j].size));
		}
	}
}

static void check_text(const char *text, const struct spec_id_mapping *maps, size_t count)
{
	unsigned container, host, length;
	size_t i;

	for (i = 0; i < count; i++) {
		require(sscanf(text, "%u %u %u", &container, &host, &length) == 3);
		require(container == maps[i].container_id && host == maps[i].host_id &&
			length == maps[i].size);
		text = strchr(text, '\n') + 1;
	}
	require(*text == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct plan_options options = { .id = "c1",
					      .bundle = "/bundle",
					      .initial_userns = true };
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct kernel_caps caps = { 0 };
	struct error err = ERROR_INIT;
	const struct plan *plan;
	const struct spec *spec;
	const char *text;
	size_t length;
	int r;

	put_config(writer, data, size);
	require(json_writer_text(writer, &text, &length, &err) == 0);
	r = spec_load(text, length, "/bundle", arena, &spec, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	check_ranges(spec->linux_->uid_mappings, spec->linux_->n_uid_mappings);
	r = plan_build(spec, &caps, &options, arena, &plan, &err);
	require(r == 0);
	check_text(plan->namespaces.uid_map, spec->linux_->uid_mappings,
		   spec->linux_->n_uid_mappings);
	return 0;
}
