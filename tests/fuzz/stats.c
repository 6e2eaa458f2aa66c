/* The kernel's figures, as events reads them, and the JSON that comes of them: whatever the text, the JSON is
 * well formed. The names of interfaces in it are chosen by the container. */
#include <string.h>

#include "fuzz.h"
#include "verbs/statistics.h"

static void check_list(const char *text, struct arena *arena)
{
	uint32_t *ids;
	size_t count, i;

	if (cgroup_parse_list(text, arena, &ids, &count) < 0)
		return;
	for (i = 1; i < count; i++)
		require(ids[i - 1] < ids[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_arena_ struct arena *arena = arena_new();
	struct statistics statistics = { 0 };
	struct cgroup_stats *stats = &statistics.cgroup;
	struct error err = ERROR_INIT;
	const struct json_value *value;
	const char *text = arena_strndup(arena, (const char *)data, size);
	size_t length;

	require(text && writer);
	cgroup_parse_pressure(text, &stats->cpu.pressure);
	stats->cpu.cpus = text;
	check_list(text, arena);
	require(cgroup_parse_flat(text, arena, &stats->memory.stat, &stats->memory.n_stat) ==
		0);
	require(cgroup_parse_io(text, arena, &stats->io.devices, &stats->io.n_devices) == 0);
	require(interfaces_parse(text, arena, &statistics.interfaces) == 0);
	/* the kernel writes no key twice, and only ASCII */
	if (stats->memory.n_stat > 1)
		stats->memory.n_stat = 1;
	require(statistics_print(&statistics, arena, writer) == 0);
	require(json_writer_text(writer, &text, &length, &err) == 0);
	require(json_parse(text, length, "statistics", arena, &value, &err) == 0);
	require(json_member(value, "network_interfaces"));
	return 0;
}
