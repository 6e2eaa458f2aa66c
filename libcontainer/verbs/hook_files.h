/* Where the hooks of a container write. Inside this folder only. */
#pragma once

#include "process/hooks.h"
#include "state/state.h"

/* Opens the files that the container's annotations run.oci.hooks.stdout and run.oci.hooks.stderr name. */
int hook_files_open(const struct state_record *record, struct hook_streams *ret_streams,
		    struct error *err) _must_check_;
