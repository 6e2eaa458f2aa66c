/* linux.resources: the values for the files of cgroup v2, at creation and as an update of themselves. No file name leaves the cgroup's directory, and no
 * value but one of unified, which is written as given, is more than one line. */
#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"

static void check_writes(const struct plan_cgroup_write *writes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct plan_cgroup_write *write = &writes[i];

		require(write->where && write->value);
		require(write->file && write->file[0] && !strchr(write->file, '/'));
		require(!write->controller || strncmp(write->file, write->controller,
						      strlen(write->controller)) == 0);
		require(strstr(write->where, "unified") || !strchr(write->value, '\n'));
	}
}

static void check_rules(const struct plan_cgroup *cgroup)
{
	size_t i;

	require(cgroup->n_device_rules > 0 && !cgroup->device_rules[0].allow);
	for (i = 0; i < cgroup->n_device_rules; i++)
		require(strchr("acb", cgroup->device_rules[i].type));
}

static const char *print(const struct spec_resources *resources, struct arena *arena)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;
	const char *text;
	size_t length;

	spec_write_resources(resources, writer);
	require(json_writer_text(writer, &text, &length, &err) == 0);
	return arena_strndup(arena, text, length);
}

/* What the record keeps of them is all of them. */
static void check_written(const struct spec_resources *resources, struct arena *arena)
{
	const char *text = print(resources, arena);
	const struct spec_resources *again;
	struct error err = ERROR_INIT;

	require(spec_load_resources(text, strlen(text), "again", arena, &again, &err) == 0);
	require(strcmp(text, print(again, arena)) == 0);
}

/* Once more the same is no contradiction, and leaves the device filter alone. */
static void check_update(const struct spec_resources *resources, struct arena *arena)
{
	const struct plan_update_request request = {
		.recorded = resources,
		.asked = resources,
		.privileged = true,
	};
	struct error err = ERROR_INIT;
	struct plan_update update;

	require(plan_update(&request, arena, &update, &err) == 0);
	check_writes(update.cgroup.writes, update.cgroup.n_writes);
	require(!update.cgroup.filter_devices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct spec_root root = { .path = "rootfs" };
	const struct plan_options options = { .id = "c1",
					      .bundle = "/bundle",
					      .initial_userns = true };
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct kernel_caps caps = { 0 };
	struct spec_linux lin = { 0 };
	const struct spec spec = { .bundle = "/bundle", .root = &root, .linux_ = &lin };
	struct error err = ERROR_INIT;
	const struct plan *plan;
	int r;

	r = spec_load_resources((const char *)data, size, "resources", arena, &lin.resources,
				&err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	r = plan_build(&spec, &caps, &options, arena, &plan, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	check_writes(plan->cgroup.writes, plan->cgroup.n_writes);
	check_writes(plan->cgroup.late_writes, plan->cgroup.n_late_writes);
	check_rules(&plan->cgroup);
	check_written(lin.resources, arena);
	check_update(lin.resources, arena);
	return 0;
}
