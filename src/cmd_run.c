/* tare run: creates a container, starts it and, unless detached, waits for its end and deletes it. The exit
 * status is the program's, or 128 and the number of the signal that ended it. The story is in
 * verbs/run.c. */
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

int cmd_run(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_create_options wanted = { 0 };
	struct option options[CREATE_OPTIONS + 3] = {
		{ "detach", 'd', OPTION_FLAG, &wanted.detach, NULL,
		  "do not wait for the container's end" },
		{ "keep", 0, OPTION_FLAG, &wanted.keep, NULL,
		  "do not delete the container after its end" },
		{ "no-subreaper", 0, OPTION_FLAG, &wanted.no_subreaper, NULL,
		  "do not adopt the container's orphans" },
	};
	const struct usage usage = {
		.name = "run",
		.operands = "ID",
		.summary = "create and start a container",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	_cleanup_trace_file_ struct trace_file trace = TRACE_FILE_INIT;
	struct operands operands;
	int status = 0, r;

	create_option_table(&wanted, options + 3);
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
		r = verb_run(&context, &wanted, &status, err);
	if (r < 0)
		return error_at(err, "tare run failed");
	return status;
}
