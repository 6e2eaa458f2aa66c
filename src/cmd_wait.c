/* tare wait: waits until a container has ended and prints its exit status, as docker and podman do: the program's,
 * or 128 and the number of the signal that ended it; the word "unknown" when nobody can know it any more. The
 * command's own status says only whether it could wait. The story is in verbs/wait.c. */
#include "base/cleanup.h"
#include "command.h"

int cmd_wait(struct tare *tare, int argc, char **argv, struct error *err)
{
	bool json = false;
	const struct option options[] = {
		{ "json", 0, OPTION_FLAG, &json, NULL,
		  "print all that is known of the end, as JSON" },
	};
	const struct usage usage = {
		.name = "wait",
		.operands = "ID",
		.summary = "wait for the end of a container and print its exit status",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	struct operands operands;
	struct state_exit exit;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r >= 0)
		r = verb_wait(&context, operands.values[0], &exit, err);
	if (r < 0)
		return r;
	if (!json) {
		if (exit.known)
			printf("%d\n", exit.status);
		else
			printf("unknown\n");
		return command_flush(err);
	}
	writer = json_writer_new(NULL);
	if (!writer)
		return error_oom(err);
	state_print_exit(&exit, writer);
	return command_print(writer, "\n", err);
}
