/* From a bundle on disk to a plan: shared by create, run and plan. */
#pragma once

#include "base/error.h"
#include "plan/plan.h"
#include "seccomp/seccomp.h"
#include "verbs/verbs.h"

/* Everything that a plan is made from; lives in the context's arena. */
struct prepared {
	const char *bundle; /* absolute, without symbolic links */
	struct plan_options options;
	struct kernel_caps caps;
	const struct spec *spec;
	const struct plan *plan;
};

/* Reads and checks the configuration, probes the kernel and builds the plan.
 * @detached: nobody stays in the foreground. ENOENT: "JSON specification file config.json not found". */
int prepare(struct verb_context *context, const struct verb_create_options *options,
	    bool detached, struct prepared *ret_prepared, struct error *err) _must_check_;

/* The system call filter of @plan: compiled, or as it is given.
 * @ret_filter: in the context's arena; empty when there is none. */
int prepare_filter(struct verb_context *context, const struct plan *plan,
		   struct seccomp_program *ret_filter, struct error *err) _must_check_;
