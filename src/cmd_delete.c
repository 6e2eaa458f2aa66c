/* tare delete: removes a container that has stopped or was never started; with --force any. The story is in
 * verbs/delete.c. With --force an unknown name is no failure and nothing is printed, which callers use to
 * clean up without asking first. */
#include "base/cleanup.h"
#include "command.h"

static int delete_one(struct verb_context *context, const char *id, const void *data,
		      struct error *err)
{
	const bool *force = data;

	return verb_delete(context, id, *force, err);
}

int cmd_delete(struct tare *tare, int argc, char **argv, struct error *err)
{
	bool force = false, regex = false;
	const struct matching matching = { .act = delete_one, .data = &force };
	const struct option options[] = {
		{ "force", 'f', OPTION_FLAG, &force, NULL,
		  "also if it runs (SIGKILL); no error if it does not exist" },
		{ "regex", 'r', OPTION_FLAG, &regex, NULL,
		  "ID is a regular expression: all containers whose names match" },
	};
	const struct usage usage = {
		.name = "delete",
		.operands = "ID",
		.summary = "delete a container and all that was made for it",
		.options = options,
		.n_options = ELEMENTS_OF(options),
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
	if (regex)
		return match_containers(&context, operands.values[0], &matching, err);
	return delete_one(&context, operands.values[0], &force, err);
}
