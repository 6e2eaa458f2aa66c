/* tare features: what this build can do, as the features document of the runtime-spec. Engines read it with
 * standard output and standard error combined: nothing else may be printed. The content is in
 * verbs/features.c. */
#include "base/cleanup.h"
#include "command.h"

int cmd_features(struct tare *tare, int argc, char **argv, struct error *err)
{
	static const struct usage usage = {
		.name = "features",
		.operands = "",
		.summary = "show what this build can do",
	};
	_cleanup_json_writer_ struct json_writer *writer = NULL;
	struct operands operands;
	int r;

	(void)tare;
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	writer = json_writer_new("    ");
	if (!writer)
		return error_oom(err);
	verb_features(writer);
	return command_print(writer, "\n", err);
}
