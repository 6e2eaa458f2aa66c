/* tare kill: sends a signal to a container, SIGTERM unless another is named. Options end at the first
 * operand, so that `tare kill ID -9` is a word about a signal and no option; what is done is decided in
 * verbs/kill.c. */
#include <signal.h>

#include "base/cleanup.h"
#include "command.h"

struct killing {
	int signal;
	bool all;
};

static int kill_one(struct verb_context *context, const char *id, const void *data,
		    struct error *err)
{
	const struct killing *killing = data;

	return verb_kill(context, id, killing->signal, killing->all, err);
}

int cmd_kill(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct killing killing = { .signal = SIGTERM };
	const struct matching matching = { .act = kill_one, .data = &killing };
	bool regex = false;
	const struct option options[] = {
		{ "all", 'a', OPTION_FLAG, &killing.all, NULL,
		  "signal every process of the container" },
		{ "regex", 'r', OPTION_FLAG, &regex, NULL,
		  "ID is a regular expression: all containers whose names match" },
	};
	const struct usage usage = {
		.name = "kill",
		.operands = "ID [SIGNAL]",
		.summary = "send a signal (default: SIGTERM) to a container",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 2,
		.stops = true,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	/* an empty one is as none, as with runc */
	if (operands.count > 1 && *operands.values[1]) {
		killing.signal = signal_parse(operands.values[1], err);
		if (killing.signal < 0)
			return killing.signal;
	}
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	if (regex)
		return match_containers(&context, operands.values[0], &matching, err);
	return kill_one(&context, operands.values[0], &killing, err);
}
