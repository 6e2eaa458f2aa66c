/* Annotations that change a container. Those that begin with run.oci. are crun's and mean what its manual page
 * says, so that a configuration written for it does the same here; one that asks for another handler, such
 * as a virtual machine, is refused, because running it natively would be something else. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/build.h"

/* What mount(2) of SELinux takes as the name of the label's option. */
static const char *const context_types[] = { "context", "fscontext", "defcontext",
					     "rootcontext" };

const char *plan_annotation(const struct spec_pair *annotations, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(annotations[i].key, name) == 0)
			return annotations[i].value;
	return NULL;
}

static const char *find(const struct plan_builder *b, const char *name)
{
	return plan_annotation(b->spec->annotations, b->spec->n_annotations, name);
}

static int context_type(const struct plan_builder *b, const char **ret_type, struct error *err)
{
	const char *wanted = find(b, "run.oci.mount_context_type");
	size_t i;

	*ret_type = context_types[0];
	if (!wanted)
		return 0;
	for (i = 0; i < ELEMENTS_OF(context_types); i++)
		if (strcmp(wanted, context_types[i]) == 0) {
			*ret_type = context_types[i];
			return 0;
		}
	return error_set(err, EINVAL,
			 "annotations[run.oci.mount_context_type]: \"%s\" is none of context, "
			 "fscontext, defcontext and rootcontext",
			 wanted);
}

int plan_annotations(const struct plan_builder *b, struct error *err)
{
	const char *handler = find(b, "run.oci.handler");

	if (handler && *handler)
		return error_set(err, ENOTSUP,
				 "annotations[run.oci.handler]: there is no handler \"%s\"",
				 handler);
	b->plan->process.keep_groups = find(b, "run.oci.keep_original_groups") != NULL;
	return context_type(b, &b->plan->rootfs.mount_context_type, err);
}
