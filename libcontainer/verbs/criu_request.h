/* What checkpoint and restore ask CRIU for in common. Inside this folder only. */
#pragma once

#include "process/criu.h"
#include "spec/spec.h"
#include "verbs/verbs.h"

/* In the container's state directory, while CRIU works. */
#define CRIU_DIRECTORY STATE_CRIU_DIRECTORY

/* What CRIU knows joined namespaces by. */
#define CRIU_KEY_NETWORK "network"
#define CRIU_KEY_PID "pid"

/* The directories of one call, and what lives as long as its request. */
struct criu_call {
	struct verb_context *context;
	const struct verb_criu_options *options;
	int images, work;
	const char *image_path, *work_path; /* as people find them */
	int config; /* further options for CRIU, as a configuration file of its own; -1: none */
	int status_fd; /* -1: nobody waits for CRIU to be ready */
	struct criu_request request;
};
#define CRIU_CALL_INIT                                                  \
	(struct criu_call)                                              \
	{                                                               \
		.images = -1, .work = -1, .config = -1, .status_fd = -1 \
	}
void criu_call_close(struct criu_call *call);
#define _cleanup_criu_call_ __attribute__((cleanup(criu_call_close)))

/* Checks the options' values, before anything is done. */
int criu_check_options(struct criu_call *call, struct error *err) _must_check_;

/* Opens the directories. @make: they are made when they are missing. */
int criu_open_directories(struct criu_call *call, bool make, struct error *err) _must_check_;

/* Begins the request with the options that both verbs have.
 * @verb: the helper's. @log: the name of CRIU's log. @annotations: @n of them, of the container, of which
 * org.criu.config names a configuration file of CRIU's. */
int criu_begin_call(struct criu_call *call, const char *verb, const char *log,
		    const struct spec_pair *annotations, size_t n,
		    struct error *err) _must_check_;

/* ENOTSUP or EPERM: who may not checkpoint and restore. */
int criu_check_caller(struct verb_context *context, struct error *err) _must_check_;

/* Makes a directory for that in the state directory. Returns its path, in the arena; NULL after an error. */
const char *criu_make_mount_point(struct verb_context *context, const struct state_dir *dir,
				  struct error *err);

/* Mounts for CRIU, which vanish with it: @mount_point is a directory made for it, @cgroup the container's. */
int criu_add_mounts(struct criu_call *call, const char *mount_point, const char *cgroup,
		    const char **ret_below, struct error *err) _must_check_;

/* Whether CRIU is to leave cgroups alone, by the option, or since there is none (@cgroup NULL). */
bool criu_ignores_cgroups(const struct criu_call *call, const char *cgroup);

/* Tells CRIU so, as the last word on it. */
void criu_add_ignored_cgroups(struct criu_call *call);

/* When CRIU is ready ("status-ready"): says so to --status-fd, with one NUL byte. */
int criu_tell_ready(const struct criu_call *call, struct error *err) _must_check_;
