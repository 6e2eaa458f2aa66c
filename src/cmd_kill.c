/* tare kill: sends a signal to a container, SIGTERM unless another is named. Options end at the first
 * operand, so that `tare kill ID -9` is a word about a signal and no option; what is done is decided in
 * verbs/kill.c. */
#include <signal.h>

#include "base/cleanup.h"
#include "command.h"

int cmd_kill(struct tare *tare, int argc, char **argv, struct error *err)
{
	bool all = false;
	const struct option options[] = {
		{ "all", 'a', OPTION_FLAG, &all, NULL,
		  "signal every process of the container" },
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
	_cleanup_verb_context_ struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int signal = SIGTERM, r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	if (operands.count > 1) {
		signal = signal_parse(operands.values[1], err);
		if (signal < 0)
			return signal;
	}
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	return verb_kill(&context, operands.values[0], signal, all, err);
}
