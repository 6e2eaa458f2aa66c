/* tare mounts: adds mounts to a running container, or removes them. What is mounted where is in a file, in the form
 * of config.json's list of mounts, since a command line has no room for it; whether to add or to remove stands
 * before the container's name, as crun has it. The story is in verbs/mounts.c. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

int cmd_mounts(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "mounts",
		.operands = "add|remove ID FILE",
		.summary = "mount into a running container, or unmount there",
		.least = 3,
		.most = 3,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	bool add;
	int r;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	add = strcmp(operands.values[0], "add") == 0;
	if (!add && strcmp(operands.values[0], "remove") != 0)
		return error_set(err, EINVAL, "unknown command %s: expected add or remove",
				 operands.values[0]);
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	r = add ? verb_mounts_add(&context, operands.values[1], operands.values[2], err)
		: verb_mounts_remove(&context, operands.values[1], operands.values[2], err);
	return r < 0 ? error_at(err, "tare mounts %s failed", operands.values[0]) : 0;
}
