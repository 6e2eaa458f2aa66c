/* tare create: makes a container that waits for start. Words in, one call, no policy: the story is in
 * verbs/create.c. The failure's text carries the prefix that engines know from other runtimes, since they
 * show it to people as it stands. */
#include "base/cleanup.h"
#include "command.h"

int cmd_create(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_create_options wanted = { .detach = true };
	bool implied = true; /* what callers also say: create never stays, and adopts nobody */
	struct option options[CREATE_OPTIONS + 2] = {
		{ "detach", 0, OPTION_FLAG, &implied, NULL, NULL },
		{ "no-subreaper", 0, OPTION_FLAG, &implied, NULL, NULL },
	};
	const struct usage usage = {
		.name = "create",
		.operands = "ID",
		.summary = "create a container that waits for start",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	_cleanup_trace_file_ struct trace_file trace = TRACE_FILE_INIT;
	struct operands operands;
	int r;

	create_option_table(&wanted, options + 2);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	wanted.id = operands.values[0];
	r = trace_file_open(wanted.trace, tare->arena, &trace, err);
	if (r < 0)
		return r;
	wanted.timeline = trace.timeline;
	r = verb_context_open(&tare->settings, true, tare->arena, &context, err);
	if (r == 0)
		r = verb_create(&context, &wanted, err);
	if (r < 0)
		return error_at(err, "tare create failed");
	return 0;
}
