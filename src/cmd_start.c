/* tare start: lets a created container execute its program. Returns when the program was executed and the
 * poststart hooks have run; the story, with the start barrier, is in verbs/start.c. The program's exit
 * status is nothing that start could know. */
#include "base/cleanup.h"
#include "command.h"

int cmd_start(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "start",
		.operands = "ID",
		.summary = "start the program of a created container",
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	return verb_start(&context, operands.values[0], err);
}
