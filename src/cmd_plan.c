/* tare plan: shows as JSON what create would do with a bundle, and does nothing: the state root is neither
 * made nor looked at. The name of the container matters to the plan (cgroup, keyring), so that one may be
 * given. */
#include "base/cleanup.h"
#include "command.h"

int cmd_plan(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_create_options wanted = { .id = "container" };
	struct option options[CREATE_OPTIONS];
	const struct usage usage = {
		.name = "plan",
		.operands = "[ID]",
		.summary = "show what create would do, without doing it",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 0,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	struct operands operands;
	int r;

	create_option_table(&wanted, options);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (operands.count > 0)
		wanted.id = operands.values[0];
	r = verb_context_open_without_root(&tare->settings, tare->arena, &context, err);
	if (r < 0)
		return r;
	writer = json_writer_new("  ");
	if (!writer)
		return error_oom(err);
	r = verb_plan(&context, &wanted, writer, err);
	if (r < 0)
		return error_at(err, "tare plan failed");
	return command_print(writer, "\n", err);
}
