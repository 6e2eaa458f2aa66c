/* Hooks: programs of config.json that run at fixed moments of a container's life, in the caller's namespaces
 * or, when the container's init runs them, in the container's. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "process/interruption.h"
#include "spec/spec.h"

/* Files that hooks write to instead of what is captured for errors; -1: captured. */
struct hook_streams {
	int out, errors;
};
#define HOOK_STREAMS_INIT               \
	(struct hook_streams)           \
	{                               \
		.out = -1, .errors = -1 \
	}

/* Opens what the annotations run.oci.hooks.stdout and run.oci.hooks.stderr name, to append; a file that does not
 * exist is made. @out, @errors: paths, or NULL. */
int hook_streams_open(const char *out, const char *errors, struct hook_streams *ret_streams,
		      struct error *err) _must_check_;
void hook_streams_close(struct hook_streams *streams);

struct hook_run {
	const char *kind; /* "prestart", "createRuntime", ...: for errors */
	size_t n_hooks;
	const struct spec_hook *hooks;
	const struct hook_streams *streams; /* NULL: both are captured */
	const char *state; /* JSON text for every hook's standard input */
	char *const
		*environment; /* for hooks without an env of their own; NULL: the caller's */
	/* Runs in the hook's process just before its program is executed, to give up what the hook must not
	 * have; NULL: nothing to do. */
	int (*prepare)(void *data, struct error *err);
	void *data;
	const struct interruption *interruption; /* ends the waiting for a hook; NULL: none */
	/* After a failure: go on with the next hook and only warn (poststop, spec:35). */
	bool only_warn;
};

/* Writes the state into a memory file, read from its beginning: annotations may make it larger than a pipe or a
 * message holds. Returns its descriptor. */
int hook_state_file(const char *state, struct error *err) _must_check_;

/* Runs the hooks one after the other. A hook that does not end within its timeout is killed with its whole
 * process group; so is a running hook when the caller dies.
 * Errors: EINTR when it was interrupted; else the text is
 * `error running KIND hook #N: exit status S, stdout: ..., stderr: ...`. */
int hooks_run(const struct hook_run *run, struct error *err) _must_check_;
