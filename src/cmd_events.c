/* tare events: the figures of a container as lines of JSON, once with --stats or again and again, with a line for
 * each kill by the out-of-memory killer. Each line is written at once, since who reads them waits for it. What
 * they hold is in verbs/statistics.c; that they end with the container, in verbs/events.c. */
#include <errno.h>

#include "base/cleanup.h"
#include "command.h"

static int print_event(void *data, struct json_writer *writer, struct error *err)
{
	(void)data;
	return command_print(writer, "\n", err);
}

int cmd_events(struct tare *tare, int argc, char **argv, struct error *err)
{
	const struct verb_events_sink sink = { .take = print_event };
	const char *interval = "5s";
	bool stats = false;
	const struct option options[] = {
		{ "interval", 0, OPTION_TEXT, &interval, "DURATION",
		  "how often the figures are shown (default: 5s)" },
		{ "stats", 0, OPTION_FLAG, &stats, NULL, "show the figures once" },
	};
	const struct usage usage = {
		.name = "events",
		.operands = "ID",
		.summary = "show the figures of a container, and when it runs out of memory",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int r, ms;

	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	ms = duration_parse(interval, err);
	if (ms < 0)
		return error_at(err, "--interval");
	if (ms == 0)
		return error_set(err, EINVAL, "duration interval must be greater than 0");
	r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r < 0)
		return r;
	return verb_events(&context, operands.values[0], stats ? 0 : ms, &sink, err);
}
