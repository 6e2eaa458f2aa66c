/* config.json, all of the way to the printed plan, for callers and kernels that take different branches.
 * What the decoder accepted can be planned or is refused with a text; a printed plan is JSON, and the
 * hooks survive the way through the record. */
#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"

static const struct plan_options callers[] = {
	{ .id = "c1", .bundle = "/bundle", .initial_userns = true },
	{ .id = "c1", .bundle = "/bundle", .euid = 1000, .initial_userns = true },
	{ .id = "c1",
	  .bundle = "/bundle",
	  .detached = true,
	  .console_socket = "/socket",
	  .listen_fds = 2,
	  .listen_fdnames = "a:b",
	  .cgroup_manager = PLAN_CGROUP_DISABLED },
};

static void plan(const struct spec *spec, const struct plan_options *options, bool newest)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	const struct json_value *value;
	struct kernel_caps caps;
	const struct plan *plan;
	const char *text;
	size_t length;
	int r;

	memset(&caps, newest, sizeof caps);
	r = plan_build(spec, &caps, options, arena, &plan, &err);
	require_result(r, &err);
	if (r < 0)
		return;
	plan_print(plan, writer);
	require(json_writer_text(writer, &text, &length, &err) == 0);
	require(json_parse(text, length, "plan", arena, &value, &err) == 0);
}

static void check_hooks(const struct spec_hooks *hooks, struct arena *arena)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;
	const struct json_value *value;
	const struct spec_hooks *read;
	const char *text;
	size_t length;

	spec_write_hooks(hooks, writer);
	require(json_writer_text(writer, &text, &length, &err) == 0);
	require(json_parse(text, length, "hooks", arena, &value, &err) == 0);
	require(spec_read_hooks(value, "hooks", arena, &read, &err) == 0);
	require(!hooks || (read->n_poststop == hooks->n_poststop &&
			   read->n_prestart == hooks->n_prestart));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	const struct spec *spec;
	size_t i;
	int r;

	r = spec_load((const char *)data, size, "/bundle", arena, &spec, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	for (i = 0; i < sizeof callers / sizeof callers[0]; i++) {
		plan(spec, &callers[i], true);
		plan(spec, &callers[i], false);
	}
	check_hooks(spec->hooks, arena);
	return 0;
}
