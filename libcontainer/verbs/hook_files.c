/* The files of a container's hooks, as its annotations name them. Each verb that runs hooks opens them anew: the
 * record has the annotations, and a path means the same in every call. Those of the container's side are
 * opened before the clone, because the host's paths end at its pivot_root(2). */
#include "verbs/hook_files.h"

#include "plan/plan.h"

int hook_files_open(const struct state_record *record, struct hook_streams *ret_streams,
		    struct error *err)
{
	const struct spec_pair *annotations = record->annotations;
	const char *out = spec_find_pair(annotations, record->n_annotations,
					 "run.oci.hooks.stdout");
	const char *errors = spec_find_pair(annotations, record->n_annotations,
					    "run.oci.hooks.stderr");

	return hook_streams_open(out, errors, ret_streams, err);
}
