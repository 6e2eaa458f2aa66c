/* plan: the dry run. Everything that create does before it changes anything, then the plan as JSON.
 * It reads the same files and asks the kernel the same questions, so what it prints is what create
 * would do on this machine. */
#include "verbs/prepare.h"
#include "verbs/verbs.h"

int verb_plan(struct verb_context *context, const struct verb_create_options *options,
	      struct json_writer *writer, struct error *err)
{
	struct prepared prepared = { 0 };
	int r;

	/* a terminal may be served in the foreground or by a console socket: both can be planned */
	r = prepare(context, options, options->console_socket != NULL, &prepared, err);
	if (r < 0)
		return r;
	plan_print(prepared.plan, writer);
	return 0;
}
