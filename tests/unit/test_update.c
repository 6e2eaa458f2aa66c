/* update: recorded and asked resources into the writes for a living cgroup and into what is recorded next. Each row
 * is one update; the writes stand in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/plan.h"

static const struct spec_resources *load(const char *text, struct arena *arena)
{
	const struct spec_resources *resources = NULL;
	struct error err = ERROR_INIT;

	if (spec_load_resources(text, strlen(text), "resources", arena, &resources, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return resources;
}

static const char *print(const struct spec_resources *resources, struct arena *arena)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;
	const char *text;
	size_t length;

	spec_write_resources(resources, writer);
	assert_int_equal(json_writer_text(writer, &text, &length, &err), 0);
	return arena_strdup(arena, text);
}

/* Everything that resources can have is the same after writing and reading. */
static void writes_what_it_reads(void **state)
{
	static const char all[] =
		"{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":"
		"\"c\",\"major\":1,\"minor\":0,\"access\":\"r\"},{\"allow\":true,\"type\":"
		"\"b\",\"major\":8}],"
		"\"memory\":{\"limit\":-1,\"reservation\":1,\"swap\":-1,\"kernel\":2,"
		"\"kernelTCP\":3,\"swappiness\":0,\"disableOOMKiller\":false,"
		"\"useHierarchy\":true,\"checkBeforeUpdate\":true},"
		"\"cpu\":{\"shares\":2,\"quota\":-1,\"burst\":0,\"period\":4,"
		"\"realtimeRuntime\":5,\"realtimePeriod\":6,\"cpus\":\"0-3\",\"mems\":\"0\","
		"\"idle\":0},"
		"\"blockIO\":{\"weight\":10,\"leafWeight\":11,\"weightDevice\":[{\"major\":8,"
		"\"minor\":0,\"weight\":12,\"leafWeight\":13}],"
		"\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":"
		"18446744073709551615}],"
		"\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":2,\"rate\":0}],"
		"\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":3,\"rate\":3}],"
		"\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":4,\"rate\":4}]},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}],"
		"\"network\":{\"classID\":0,\"priorities\":[{\"name\":\"eth0\",\"priority\":1}]"
		"},"
		"\"pids\":{\"limit\":0},"
		"\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":0}},"
		"\"unified\":{\"memory.high\":\"max\"}}";
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(print(load(all, arena), arena), all);
	assert_string_equal(print(load("{}", arena), arena), "{}");
	assert_string_equal(print(NULL, arena), "{}");
}

struct row {
	const char *recorded, *asked, *expected, *merged;
};

#define MEMORY(members) "{\"memory\":{" members "}}"
#define CPU(members) "{\"cpu\":{" members "}}"

static const struct row rows[] = {
	/* only what is set changes; a 0 is not set */
	{ MEMORY("\"limit\":100,\"reservation\":50"), "{\"pids\":{\"limit\":5}}", "pids.max=5",
	  "{\"memory\":{\"limit\":100,\"reservation\":50},\"pids\":{\"limit\":5}}" },
	{ MEMORY("\"limit\":100"), MEMORY("\"limit\":0,\"reservation\":20"), "memory.low=20",
	  MEMORY("\"limit\":100,\"reservation\":20") },
	{ NULL, "{\"pids\":{\"limit\":0}}", "pids.max=0", "{\"pids\":{\"limit\":0}}" },
	{ "{\"pids\":{\"limit\":5}}", "{\"pids\":{\"limit\":-1}}", "pids.max=max", NULL },
	/* swap follows memory, in the order that leaves room for what is pushed out */
	{ MEMORY("\"limit\":100,\"swap\":300"), MEMORY("\"limit\":200"),
	  "memory.max=200 memory.swap.max=100", MEMORY("\"limit\":200,\"swap\":300") },
	{ MEMORY("\"limit\":200,\"swap\":300"), MEMORY("\"limit\":100"),
	  "memory.swap.max=200 memory.max=100", MEMORY("\"limit\":100,\"swap\":300") },
	{ MEMORY("\"limit\":200"), MEMORY("\"swap\":500"), "memory.swap.max=300", NULL },
	{ MEMORY("\"limit\":200"), MEMORY("\"swap\":-1"), "memory.swap.max=max", NULL },
	{ MEMORY("\"limit\":100,\"swap\":300"), MEMORY("\"limit\":-1"),
	  "memory.max=max memory.swap.max=max", MEMORY("\"limit\":-1,\"swap\":-1") },
	{ MEMORY("\"limit\":100,\"swap\":300"), MEMORY("\"limit\":400"),
	  "!linux.resources.memory.swap: memory+swap limit should be >= memory limit", NULL },
	{ NULL, MEMORY("\"swap\":400"),
	  "!linux.resources.memory.swap: unable to set swap limit without memory limit", NULL },
	{ MEMORY("\"limit\":100"), MEMORY("\"limit\":90,\"checkBeforeUpdate\":true"),
	  "memory.max=90 below=90", NULL },
	{ MEMORY("\"limit\":100,\"checkBeforeUpdate\":true"), MEMORY("\"swap\":300"),
	  "memory.swap.max=200 below=100 both=300", NULL },
	/* kubelet's swap limit stays when an engine sends another limit, and swap with it */
	{ "{\"memory\":{\"limit\":100,\"swap\":100},\"unified\":{\"memory.swap.max\":\"7\"}}",
	  MEMORY("\"limit\":200,\"swap\":200"), "memory.max=200", NULL },
	/* quota, period and burst */
	{ CPU("\"quota\":5000,\"period\":10000"), CPU("\"period\":20000"), "cpu.max=5000 20000",
	  NULL },
	{ CPU("\"quota\":5000,\"period\":10000"), CPU("\"quota\":-1"), "cpu.max=max 10000",
	  CPU("\"quota\":-1,\"period\":10000") },
	{ CPU("\"quota\":5000,\"burst\":4000"), CPU("\"quota\":3000,\"burst\":2000"),
	  "cpu.max.burst=2000 cpu.max=3000 100000", NULL },
	{ CPU("\"quota\":3000,\"burst\":2000"), CPU("\"quota\":5000,\"burst\":4000"),
	  "cpu.max=5000 100000 cpu.max.burst=4000", NULL },
	{ CPU("\"quota\":5000"), CPU("\"burst\":1000"), "cpu.max.burst=1000", NULL },
	{ CPU("\"quota\":5000,\"burst\":4000"), CPU("\"quota\":3000"),
	  "!linux.resources.cpu.burst: must not be larger than quota", NULL },
	/* an idle cgroup has no weight, and what leaves idleness gets its own again */
	{ CPU("\"shares\":1024"), CPU("\"idle\":1"), "cpu.idle=1", NULL },
	{ CPU("\"shares\":1024,\"idle\":1"), CPU("\"idle\":0"), "cpu.idle=0 cpu.weight=100",
	  NULL },
	{ CPU("\"idle\":1"), CPU("\"shares\":2"), "", CPU("\"shares\":2,\"idle\":1") },
	{ CPU("\"idle\":1"), CPU("\"shares\":2,\"idle\":0"), "cpu.idle=0 cpu.weight=1", NULL },
	{ CPU("\"cpus\":\"0\",\"mems\":\"0\""), CPU("\"cpus\":\"0-1\""), "cpuset.cpus=0-1",
	  CPU("\"cpus\":\"0-1\",\"mems\":\"0\"") },
	/* entries of lists */
	{ "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},"
	  "{\"major\":8,\"minor\":1,\"rate\":2}]}}",
	  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":0}]}}",
	  "io.max=8:0 rbps=max",
	  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":2},"
	  "{\"major\":8,\"minor\":0,\"rate\":0}]}}" },
	{ "{\"unified\":{\"memory.high\":\"1\",\"memory.min\":\"2\"}}",
	  "{\"unified\":{\"memory.high\":\"3\"}}", "memory.high=3",
	  "{\"unified\":{\"memory.min\":\"2\",\"memory.high\":\"3\"}}" },
	{ MEMORY("\"limit\":100"), "{\"unified\":{\"memory.max\":\"50\"}}",
	  "!unable to apply both linux.resources.memory.limit (100) and "
	  "linux.resources.unified[\"memory.max\"] (50)",
	  NULL },
	/* the device filter is left alone for the rules that it has */
	{ "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}",
	  "{\"devices\":[{\"allow\":false}],\"pids\":{\"limit\":3}}", "pids.max=3", NULL },
	{ "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}",
	  "{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":9}]}", " filter=13",
	  "{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":9}]}" },
	{ "{}", "{\"network\":{\"classID\":1}}",
	  "!linux.resources.network.classID: cgroup v2 has no net_cls", NULL },
};

static const char *writes_of(const struct plan_cgroup *cgroup, struct arena *arena)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < cgroup->n_writes; i++)
		text = arena_printf(arena, "%s%s%s=%s", text, i ? " " : "",
				    cgroup->writes[i].file, cgroup->writes[i].value);
	if (cgroup->usage_below)
		text = arena_printf(arena, "%s below=%d", text, (int)cgroup->usage_below);
	if (cgroup->usage_with_swap_below)
		text = arena_printf(arena, "%s both=%d", text,
				    (int)cgroup->usage_with_swap_below);
	if (cgroup->filter_devices)
		text = arena_printf(arena, "%s filter=%zu", text, cgroup->n_device_rules);
	assert_int_equal(cgroup->n_late_writes, 0);
	return text;
}

static void check_row(const struct row *row)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct plan_update_request request = {
		.recorded = row->recorded ? load(row->recorded, arena) : NULL,
		.asked = load(row->asked, arena),
		.privileged = true,
		.terminal = true,
	};
	struct error err = ERROR_INIT;
	struct plan_update update;

	if (plan_update(&request, arena, &update, &err) < 0) {
		assert_int_equal(row->expected[0], '!');
		assert_string_equal(err.text, row->expected + 1);
		return;
	}
	assert_string_equal(writes_of(&update.cgroup, arena), row->expected);
	if (row->merged)
		assert_string_equal(print(update.resources, arena), row->merged);
}

static void plans_updates(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(rows); i++)
		check_row(&rows[i]);
}

/* Who has no device filter can't have it replaced. */
static void leaves_the_filter_to_the_privileged(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct plan_update_request request = {
		.asked = load("{\"devices\":[{\"allow\":true}]}", arena),
	};
	struct error err = ERROR_INIT;
	struct plan_update update;

	(void)state;
	assert_int_equal(plan_update(&request, arena, &update, &err), 0);
	assert_false(update.cgroup.filter_devices);
}

/* What leaves idleness must not be made idle again by systemd. */
static void tells_systemd_of_idleness(void **state)
{
	const struct plan_cgroup_write writes[] = { { .file = "cpu.idle", .value = "0" },
						    { .file = "cpu.weight", .value = "59" } };
	static const char *const words[] = { "t18446744073709551615", "t59" };
	struct plan_cgroup cgroup = { .n_writes = 2, .writes = writes };
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct plan_unit unit = { 0 };
	size_t i;

	(void)state;
	assert_int_equal(plan_unit_limits(&cgroup, arena, &unit, &err), 0);
	assert_int_equal(unit.n_properties, 2);
	for (i = 0; i < 2; i++) {
		assert_string_equal(unit.properties[i].name, "CPUWeight");
		assert_string_equal(unit.properties[i].value.words[0], words[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(plans_updates),
		cmocka_unit_test(leaves_the_filter_to_the_privileged),
		cmocka_unit_test(tells_systemd_of_idleness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
