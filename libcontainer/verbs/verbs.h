/* The verbs: each is one story, composed from the layers to the left. A verb takes its options as data
 * and prints nothing; the command in src/ turns words into options and results into text.
 *
 * Locks (see state/state.h): create, start, delete, pause, resume and update hold the container's lock, but
 * never while a hook runs; state, list, ps, events and kill never take it, so that they answer at any moment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "plan/plan.h"
#include "seccomp/seccomp.h"
#include "state/state.h"
#include "verbs/timeline.h"

/* What the global options say. */
struct verb_settings {
	const char *root; /* --root, or NULL for the default */
	enum plan_cgroup_manager cgroup_manager;
	const char *kernel_caps; /* --kernel-caps: switches to turn off ("-x,-y"), or NULL */
	enum seccomp_compiler seccomp_compiler; /* --seccomp-compiler */
	bool rootless; /* --rootless=true (plan_options.rootless) */
	bool debug; /* --debug: the container's side may speak of what it does as well */
};

/* What every verb works with. Opened once by the command and given to one verb. */
struct verb_context {
	const struct verb_settings *settings; /* borrowed */
	struct arena *arena; /* borrowed: strings live as long as the command */
	struct state_store store; /* store.fd is -1 when the root does not exist */
	int proc; /* the verified procfs */
};

#define VERB_CONTEXT_INIT                         \
	(struct verb_context)                     \
	{                                         \
		.store = { .fd = -1 }, .proc = -1 \
	}

/* Opens procfs and the state root, which stay open until the process ends. A root that does not exist is no error here:
 * store.fd stays -1 and the verbs answer that the container does not exist.
 * @make_root: create the root when it is missing (create and run). */
int verb_context_open(const struct verb_settings *settings, bool make_root, struct arena *arena,
		      struct verb_context *ret_context, struct error *err) _must_check_;

/* The same for a verb that looks at no container: the state root is not even looked for. */
int verb_context_open_without_root(const struct verb_settings *settings, struct arena *arena,
				   struct verb_context *ret_context,
				   struct error *err) _must_check_;

/* The options of create, run and plan. */
struct verb_create_options {
	const char *id;
	const char *bundle; /* --bundle, as given; NULL: the working directory */
	const char *config; /* --config FILE, as given; NULL: config.json in the bundle */
	const char *console_socket; /* --console-socket, or NULL */
	const char *pid_file; /* --pid-file, or NULL */
	const char *pidfd_socket; /* --pidfd-socket, or NULL */
	const char *trace; /* --trace, or NULL: for the command, which makes the timeline */
	struct timeline
		*timeline; /* filled in also when the verb fails; NULL: none is wanted */
	const char *layers, *upper; /* --layers and --upper, as given, or NULL */
	unsigned preserve_fds; /* --preserve-fds, LISTEN_FDS not counted in */
	bool no_pivot, no_new_keyring;
	bool detach; /* run --detach */
	bool keep; /* run --keep: do not delete it after its end */
	bool no_subreaper; /* run --no-subreaper */
};

/* Makes the container; it waits for start afterwards. */
int verb_create(struct verb_context *context, const struct verb_create_options *options,
		struct error *err) _must_check_;

/* Lets a created container execute its program. */
int verb_start(struct verb_context *context, const char *id, struct error *err) _must_check_;

/* create, start, wait, delete. @ret_status: exit status for the caller: the program's, or 128 + signal;
 * 0 with options->detach. */
int verb_run(struct verb_context *context, const struct verb_create_options *options,
	     int *ret_status, struct error *err) _must_check_;

/* Builds the plan and writes it, doing nothing. */
int verb_plan(struct verb_context *context, const struct verb_create_options *options,
	      struct json_writer *writer, struct error *err) _must_check_;

/* A container as it is at this moment. */
struct verb_container {
	bool recorded; /* false: a directory without a record, and @record holds nothing but the id */
	struct state_record *record; /* never NULL */
	enum state_status status;
	pid_t pid; /* of init; 0 when stopped, or recorded in another pid namespace */
};

/* Looks at one container. ENOENT: "container does not exist". Works at any moment, also while it is
 * being created and for what a killed tare has left. */
int verb_state(struct verb_context *context, const char *id,
	       struct verb_container *ret_container, struct error *err) _must_check_;

/* Looks at all containers, in the order of their names. What cannot be read is warned about and
 * passed over. A root that was given and does not exist is ENOENT; the default one counts as empty.
 * @ret_containers: @ret_count of them, in the context's arena. */
int verb_list(struct verb_context *context, struct verb_container **ret_containers,
	      size_t *ret_count, struct error *err) _must_check_;

/* Sends a signal to the container's init, through its pidfd. SIGKILL to a container that shares its pid
 * namespace kills its whole cgroup, since the others would outlive init.
 * @all: to every process of the container; one that has stopped is no error then.
 * ESRCH: "container not running". */
int verb_kill(struct verb_context *context, const char *id, int signal, bool all,
	      struct error *err) _must_check_;

/* Removes a container that has stopped or was never started, then runs its poststop hooks (whose failure
 * is only a warning, spec:35).
 * @force: also one that runs or is being created; an unknown id is no error then.
 * ENOENT: "container does not exist"; EBUSY: "cannot delete container ID that is not stopped: STATUS". */
int verb_delete(struct verb_context *context, const char *id, bool force,
		struct error *err) _must_check_;

/* Ends what a killed tare has left of a container: its init, and its cgroup with all in it. For create,
 * with what state_claim() found, and for delete. */
int verb_clear_remains(struct verb_context *context, struct state_record *stale,
		       struct error *err) _must_check_;

/* Freezes the container's processes, of a created one as well, and returns when they stand still.
 * ESRCH: "container not running"; EBUSY: it is paused already, or being created; ENOTSUP: it has no cgroup. */
int verb_pause(struct verb_context *context, const char *id, struct error *err) _must_check_;

/* Lets a paused container go on. EINVAL: "container not paused". */
int verb_resume(struct verb_context *context, const char *id, struct error *err) _must_check_;

/* Mounts into a running container (or a created one, or a paused one) what the list in the file @path says: all of
 * it, or nothing. Relative sources count from the container's bundle.
 * ESRCH: "container not running"; ENOTSUP: it has no mount namespace of its own. */
int verb_mounts_add(struct verb_context *context, const char *id, const char *path,
		    struct error *err) _must_check_;

/* Unmounts the uppermost mount at each destination of that list; of a mount nothing else is looked at. */
int verb_mounts_remove(struct verb_context *context, const char *id, const char *path,
		       struct error *err) _must_check_;

/* The processes of the container, those of cgroups that it made itself too, as the caller's pid namespace
 * numbers them. A stopped one has none but what shared its pid namespace and lives on.
 * @ret_pids: @ret_count of them, in the context's arena. ENOTSUP: it has no cgroup. */
int verb_ps(struct verb_context *context, const char *id, pid_t **ret_pids, size_t *ret_count,
	    struct error *err) _must_check_;

/* Takes an event, one JSON object. */
struct verb_events_sink {
	int (*take)(void *data, struct json_writer *writer, struct error *err);
	void *data;
};

/* Tells of a container until it has ended: its figures every @interval_ms milliseconds, and each time that a
 * process of it was killed for lack of memory. With 0, its figures once.
 * ESRCH: "container with id ID is not running"; ENOTSUP: it has no cgroup; else what @sink returns. */
int verb_events(struct verb_context *context, const char *id, int interval_ms,
		const struct verb_events_sink *sink, struct error *err) _must_check_;

/* Waits until the container's init has ended, and notes down how (state/state.h). Of a container that has stopped
 * already, what is known of its end.
 * @ret_exit: in the context's arena. ENOENT: "container does not exist"; EBUSY: it is being created. */
int verb_wait(struct verb_context *context, const char *id, struct state_exit *ret_exit,
	      struct error *err) _must_check_;

/* The options of exec. */
struct verb_exec_options {
	const char *id;
	const char *process; /* --process FILE, or NULL */
	/* What the command line says of the process: its own members only; what is the container's is filled in
	 * by the verb. */
	struct plan_exec wanted;
	const char *cgroup; /* --cgroup: below the container's, or NULL */
	const char *pid_file; /* --pid-file, or NULL */
	const char *pidfd_socket; /* --pidfd-socket, or NULL */
	bool ignore_paused; /* --ignore-paused: the process waits in a paused container */
};

/* Executes a program in a container that has been created or runs, and waits for its end unless it is detached.
 * @ret_status: exit status for the caller: the program's, or 128 + signal; 0 when detached.
 * Errors: ENOENT "container does not exist"; ESRCH "cannot exec in a stopped container"; EBUSY "cannot exec in
 * a paused container (use --ignore-paused to override)". Nothing of the process is left then. */
int verb_exec(struct verb_context *context, const struct verb_exec_options *options,
	      int *ret_status, struct error *err) _must_check_;

/* What checkpoint and restore are asked for, as words of the command line. */
struct verb_criu_options {
	const char *id;
	const char
		*image_path; /* --image-path, or NULL: "checkpoint" in the working directory */
	const char *work_path; /* --work-path, or NULL: the image path */
	const char *parent_path; /* --parent-path, relative to the image path; or NULL */
	const char *page_server; /* --page-server ADDRESS:PORT, or NULL */
	const char *manage_cgroups_mode; /* "soft", "full", "strict", "ignore"; NULL: soft */
	const char *empty_ns; /* --empty-ns: "network", or NULL */
	const char *network_lock; /* --network-lock, or NULL: as CRIU does */
	const char *lsm_profile, *lsm_mount_context; /* of restore, or NULL */
	const char *status_fd; /* --status-fd, or NULL */
	bool pre_dump, leave_running;
	bool tcp_established, tcp_skip_in_flight, tcp_close, ext_unix_sk, shell_job, link_remap,
		lazy_pages, file_locks, auto_dedup;
};

/* Saves the processes of a running container to a directory, by CRIU, and ends it, unless options->leave_running or
 * options->pre_dump says otherwise.
 * Errors: EINVAL for an option; ESRCH, EBUSY: "Container cannot be checkpointed in X state"; ENOENT: criu or libcriu
 * is not there; ENOTSUP: the container has something that can't be saved; else CRIU's, with its log. The container
 * runs on then. */
int verb_checkpoint(struct verb_context *context, const struct verb_criu_options *options,
		    struct error *err) _must_check_;

/* Makes a container whose processes come from such a directory, and, unless it is detached, waits for its end and
 * deletes it. @create: the bundle, the pid file, the console socket, ... as for run.
 * @ret_status: as verb_run()'s. Nothing is left after an error. */
int verb_restore(struct verb_context *context, const struct verb_criu_options *options,
		 const struct verb_create_options *create, int *ret_status,
		 struct error *err) _must_check_;

/* Whether checkpoint and restore have what they need on this host: libcriu can be loaded, and there is a criu. */
bool verb_can_checkpoint(void);

/* What update is asked for. */
struct verb_update_options {
	const struct spec_resources *resources; /* what is set in them */
	const char *l3_cache_schema, *mem_bw_schema; /* lines of resctrl's schemata, or NULL */
};

/* Changes limits of a container that is created, running or paused, and leaves the others; all of it or, when a
 * part is refused, nothing. The record follows.
 * Errors: ESRCH "container not running"; EBUSY: it is being created; those of plan_update() and
 * cgroup_update(). */
int verb_update(struct verb_context *context, const char *id,
		const struct verb_update_options *options, struct error *err) _must_check_;

struct verb_spec_options {
	/* --rootless: for a caller without privileges: a user namespace with the caller's own ids mapped to
	 * root, the host's network and /sys, no limits */
	bool rootless;
	uint32_t uid, gid; /* of the caller, with rootless */
};

/* The configuration that `tare spec` writes: a shell on a terminal, with the namespaces, mounts and masks
 * that engines use, and nothing inheritable (CVE-2022-24769). */
void verb_spec(const struct verb_spec_options *options, struct json_writer *writer);

enum doctor_verdict {
	DOCTOR_YES,
	DOCTOR_LIMITED, /* containers run, but without something */
	DOCTOR_NO,
};

/* One thing that the doctor has looked at. */
struct doctor_finding {
	const char *check;
	enum doctor_verdict verdict;
	bool blocks; /* containers do not run */
	const char *reason;
	const char
		*remedy; /* a command or a setting that would change it; NULL: none is known */
};

struct doctor_report {
	bool runs; /* containers would run */
	size_t n;
	struct doctor_finding *findings; /* in the context's arena */
};

/* Tries what a container needs, on this host and as this caller. Nothing of it stays. */
int verb_doctor(struct verb_context *context, struct doctor_report *ret_report,
		struct error *err) _must_check_;

/* What this build can do, as the features document of the runtime-spec. */
void verb_features(struct json_writer *writer);
