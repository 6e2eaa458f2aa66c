/* tare pause: freezes a container, so that nothing of it runs until resume. It returns when every process
 * of it stands still, not when that was asked for; what freezes them, how long it is waited for, and what is
 * refused, is in verbs/pause.c. */
#include "base/cleanup.h"
#include "command.h"

int cmd_pause(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "pause",
		.operands = "ID",
		.summary = "freeze the processes of a container",
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
	return verb_pause(&context, operands.values[0], err);
}
