/* tare checkpoint: saves the processes of a running container to a directory, by CRIU. Words in, one call, no policy:
 * the story is in verbs/checkpoint.c. Engines ask for the help of this verb to find out whether there is one, so that
 * printing it must not take CRIU. */
#include "base/cleanup.h"
#include "criu_options.h"

int cmd_checkpoint(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_criu_options wanted = { 0 };
	struct option options[CRIU_OPTIONS + 5] = {
		{ "leave-running", 0, OPTION_FLAG, &wanted.leave_running, NULL,
		  "the container runs on afterwards" },
		{ "pre-dump", 0, OPTION_FLAG, &wanted.pre_dump, NULL,
		  "save memory alone, for a checkpoint with --parent-path later" },
		{ "link-remap", 0, OPTION_FLAG, &wanted.link_remap, NULL,
		  "also files that were unlinked" },
		{ "tcp-skip-in-flight", 0, OPTION_FLAG, &wanted.tcp_skip_in_flight, NULL,
		  "leave out TCP connections that are being made" },
		{ "page-server", 0, OPTION_FILLED, &wanted.page_server, "ADDRESS:PORT",
		  "send memory there (with --lazy-pages: serve it there)" },
	};
	const struct usage usage = {
		.name = "checkpoint",
		.operands = "ID",
		.summary = "save a running container, by CRIU",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int r;

	criu_option_table(&wanted, options + 5);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	wanted.id = operands.values[0];
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	return r < 0 ? r : verb_checkpoint(&context, &wanted, err);
}
