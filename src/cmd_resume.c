/* tare resume: lets a container go on that pause, or somebody else, has frozen. It returns when its
 * processes run again; the story, with the one case in which they cannot, is in verbs/pause.c. Of a container
 * that is not paused it is an error, because callers want to know. */
#include "base/cleanup.h"
#include "command.h"

int cmd_resume(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "resume",
		.operands = "ID",
		.summary = "let a paused container go on",
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
	return verb_resume(&context, operands.values[0], err);
}
