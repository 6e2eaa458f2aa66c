/* kill and delete of all containers whose names match (--regex). The pattern is an extended regular expression
 * as POSIX has it, found anywhere in the name unless it says otherwise. One container that cannot be served
 * does not spare the others; the first reason is the command's error. That none matches is no error. */
#include <errno.h>
#include <regex.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "command.h"

static void free_pattern(regex_t *pattern)
{
	regfree(pattern);
}

static int serve(const regex_t *pattern, struct verb_context *context,
		 const struct matching *matching, struct error *err)
{
	struct verb_container *containers;
	struct error own = ERROR_INIT;
	size_t count, i;
	int r;

	r = verb_list(context, &containers, &count, err);
	if (r < 0)
		return r;
	for (i = 0; i < count; i++) {
		const char *id = containers[i].record->id;

		if (regexec(pattern, id, 0, NULL, 0) != 0)
			continue;
		r = matching->act(context, id, matching->data, err->code ? &own : err);
		if (r >= 0)
			continue;
		if (!own.code) {
			error_at(err, "%s", id);
			continue;
		}
		trace_warning("%s: %s", id, own.text);
		error_ignore(&own, "the first reason is the one to report");
	}
	return -err->code;
}

int match_containers(struct verb_context *context, const char *expression,
		     const struct matching *matching, struct error *err)
{
	char text[256];
	regex_t compiled;
	int r;

	r = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		regerror(r, &compiled, text, sizeof text);
		return error_set(err, EINVAL, "--regex %s: %s", expression, text);
	}
	_cleanup_(free_pattern) regex_t pattern = compiled;

	return serve(&pattern, context, matching, err);
}
