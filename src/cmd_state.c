/* tare state: one container as JSON, in the form that engines decode (contract 5): indented by two spaces
 * and without a newline at its end. What it shows is decided in verbs/observe.c; it takes no lock, so that
 * it answers also while the container is being made. */
#include "base/cleanup.h"
#include "command.h"

int cmd_state(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "state",
		.operands = "ID",
		.summary = "show the state of a container",
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	struct verb_container container;
	struct operands operands;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	r = verb_state(&context, operands.values[0], &container, err);
	if (r < 0)
		return r;
	writer = json_writer_new_within(tare->arena, "  ");
	if (!writer)
		return error_oom(err);
	state_print(container.record, container.status, container.pid, writer);
	return command_print(writer, "", err);
}
