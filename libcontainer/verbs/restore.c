/* restore: a container whose processes come from a checkpoint. It is made as by create, from the bundle, up to its
 * cgroup with limits; then CRIU makes the processes in place of an init of tare's, and tells at each point at which
 * something of tare's belongs: the namespaces are there (hooks), the processes are there and do not run yet (the
 * record, the device filter, mount flags). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/process.h"
#include "state/image.h"
#include "verbs/create.h"
#include "verbs/criu_request.h"

#define LOG "restore.log"

struct restoring {
	struct creation c;
	struct criu_call call;
	struct image image;
	bool no_cgroups; /* CRIU moves nobody: that is done here */
	const char *
		mount_point; /* a directory for what is mounted for CRIU; NULL: none was made */
};

static void end(struct restoring *r)
{
	if (r->mount_point && r->c.dir.fd >= 0 &&
	    unlinkat(r->c.dir.fd, CRIU_DIRECTORY, AT_REMOVEDIR) < 0)
		trace_debug("%s: %s", r->mount_point, error_errno_text(errno));
	criu_call_close(&r->call);
	create_undo(&r->c);
}

static int open_images(struct restoring *r, struct error *err)
{
	int k;

	k = criu_open_directories(&r->call, false, err);
	if (k < 0)
		return k;
	k = image_read(r->call.images, r->c.context->arena, &r->image, err);
	return k < 0 ? error_at(err, "image directory %s", r->call.image_path) : 0;
}

/* A path for a namespace that CRIU makes anew would have no effect; and the other way round the processes would find
 * themselves alone. */
static int check_namespaces(struct restoring *r, struct error *err)
{
	const struct plan_namespaces *plan = &r->c.prepared.plan->namespaces;
	enum spec_namespace_type type;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++) {
		uint64_t flag = spec_namespace_flag(type);
		bool given = r->image.joined & flag;

		if (!(r->image.joined_known & flag) ||
		    given == (plan->of[type].mode == PLAN_NS_JOIN))
			continue;
		return error_set(
			err, EINVAL,
			given ? "linux.namespaces: the %s namespace of the checkpoint was "
				"given by a path, and config.json has none"
			      : "linux.namespaces: the %s namespace of the checkpoint was not "
				"given by a path, and config.json has one",
			spec_namespace_name(type));
	}
	return 0;
}

static int check(struct restoring *r, struct error *err)
{
	const char *obstacle = plan_checkpoint_obstacle(r->c.prepared.plan);

	if (obstacle)
		return error_set(err, ENOTSUP, "the container cannot be restored: %s",
				 obstacle);
	return check_namespaces(r, err);
}

static int open_sources(struct restoring *r, struct error *err)
{
	struct creation *c = &r->c;

	if (c->prepared.plan->hooks) {
		int k = hook_files_open(&c->record, &c->streams, err);

		if (k < 0)
			return k;
	}
	return join_open(&c->prepared.plan->namespaces, &c->join, err);
}

/* ---- the request ---- */

static int add_mounts(struct restoring *r, struct error *err)
{
	const struct external_mounts *mounts = &r->image.mounts;
	const char *source;
	size_t i;
	int k;

	for (i = 0; i < mounts->n; i++) {
		k = external_source(&r->c.prepared.plan->rootfs, mounts->mounts[i].point,
				    r->c.cgroup.path, r->c.context->arena, &source, err);
		if (k < 0)
			return k;
		criu_add(&r->call.request, "external=mnt[%s]:%s", mounts->mounts[i].point,
			 source);
	}
	return 0;
}

static void add_namespace(struct restoring *r, enum spec_namespace_type type, const char *key)
{
	int fd = r->c.join.fds[type];

	if (fd >= 0)
		criu_add(&r->call.request, "inherit-fd=%d:%s",
			 criu_add_fd(&r->call.request, fd), key);
}

/* Namespaces that CRIU can't leave outside are joined by path, and filled with what was saved. */
static void join_others(struct restoring *r)
{
	static const struct {
		enum spec_namespace_type type;
		const char *name;
	} others[] = { { SPEC_NAMESPACE_IPC, "ipc" },
		       { SPEC_NAMESPACE_UTS, "uts" },
		       { SPEC_NAMESPACE_USER, "user" },
		       { SPEC_NAMESPACE_TIME, "time" } };
	const struct plan_namespaces *plan = &r->c.prepared.plan->namespaces;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(others); i++)
		if (plan->of[others[i].type].mode == PLAN_NS_JOIN)
			criu_add(&r->call.request, "join-ns=%s:%s", others[i].name,
				 plan->of[others[i].type].path);
}

/* Standard streams of the container become those of this process. */
static void add_streams(struct restoring *r)
{
	const char *const *streams = r->image.streams;
	int fd, before;

	for (fd = 0; fd < IMAGE_STREAMS; fd++) {
		for (before = 0; before < fd; before++)
			if (streams[before] && streams[fd] &&
			    strcmp(streams[before], streams[fd]) == 0)
				break;
		if (streams[fd] && before == fd)
			criu_add(&r->call.request, "inherit-fd=%d:%s",
				 criu_add_fd(&r->call.request, fd), streams[fd]);
	}
}

static int compose(struct restoring *r, struct error *err)
{
	struct criu_request *request = &r->call.request;
	struct creation *c = &r->c;
	const char *below;
	int k;

	k = criu_begin_call(&r->call, "restore", LOG, c->record.annotations,
			    c->record.n_annotations, err);
	if (k < 0)
		return k;
	r->mount_point = criu_make_mount_point(c->context, &c->dir, err);
	if (!r->mount_point)
		return -err->code;
	k = criu_add_mounts(&r->call, r->mount_point, c->cgroup.path, &below, err);
	if (k < 0)
		return k;
	if (below)
		criu_add(request, "cgroup-root=:%s", below);
	r->no_cgroups = r->image.no_cgroups || criu_ignores_cgroups(&r->call, c->cgroup.path);
	if (r->no_cgroups)
		criu_add_ignored_cgroups(&r->call);
	criu_add(request, "root=%s", c->prepared.plan->rootfs.path);
	criu_add(request, "orphan-pts-master");
	add_streams(r);
	join_others(r);
	add_namespace(r, SPEC_NAMESPACE_NETWORK, CRIU_KEY_NETWORK);
	add_namespace(r, SPEC_NAMESPACE_PID, CRIU_KEY_PID);
	return add_mounts(r, err);
}

/* ---- notifications ---- */

/* As long as it is the only process, so that all others are born where it is. */
static int place_init(struct restoring *r, pid_t pid, struct error *err)
{
	int cgroup = r->no_cgroups ? cgroup_birthplace(&r->c.cgroup) : -1, k = 0;

	if (cgroup >= 0)
		k = cgroup_move(cgroup, pid, err);
	return k < 0 ? k : resctrl_join(&r->c.rdt, pid, err);
}

static int meet_init(struct restoring *r, pid_t pid, struct error *err)
{
	struct child *child = &r->c.created.child;
	int k;

	if (child->pidfd >= 0)
		return 0;
	child->pidfd = process_pidfd_open(pid);
	if (child->pidfd < 0)
		return error_errno(err, -child->pidfd, "pidfd_open of the restored process");
	child->pid = pid;
	k = create_record_init(&r->c, err);
	return k < 0 ? k : place_init(r, pid, err);
}

/* Limits, the device filter, pause, kill: all of it is worth as much as this. CRIU says nothing of a process that it
 * has left where it was. */
static int check_cgroup(struct restoring *r, pid_t pid, struct error *err)
{
	struct verb_context *context = r->c.context;
	const char *wanted = r->c.cgroup.path;
	struct cgroup found = CGROUP_INIT;
	size_t length;
	int k;

	if (!wanted)
		return 0;
	k = cgroup_open_of_process(context->proc, pid, context->arena, &found, err);
	if (k < 0)
		return error_at(err, "find the cgroup of the restored init");
	length = strlen(wanted);
	if (strncmp(found.path, wanted, length) != 0 ||
	    (found.path[length] != '\0' && found.path[length] != '/'))
		k = error_set(err, ESTALE,
			      "CRIU has left the init in the cgroup %s, which is not below the "
			      "container's (%s)",
			      found.path, wanted);
	cgroup_close(&found);
	return k;
}

/* The namespaces are there, and the first process in them. */
static int namespaces_stand(struct restoring *r, pid_t pid, struct error *err)
{
	int k = meet_init(r, pid, err);

	return k < 0 || !r->c.prepared.plan->hooks ? k : create_run_hooks(&r->c, err);
}

/* All processes are there, and none of them runs yet. */
static int processes_stand(struct restoring *r, pid_t pid, struct error *err)
{
	struct creation *c = &r->c;
	int k;

	k = meet_init(r, pid, err);
	if (k >= 0)
		k = check_cgroup(r, pid, err);
	if (k < 0)
		return k;
	unit_release(&c->unit, c->prepared.plan->cgroup.unit);
	k = cgroup_filter_devices(&c->prepared.plan->cgroup, &c->cgroup, err);
	if (k >= 0)
		k = external_settle(c->context->proc, pid, &r->image.mounts,
				    c->prepared.spec->root->readonly &&
					    !c->prepared.plan->rootfs.no_pivot,
				    err);
	if (k >= 0)
		k = create_record_for_exec(c, err);
	return k < 0 ? k : create_settle(c, err);
}

static int notified(void *data, const char *action, pid_t pid, int fd, struct error *err)
{
	struct restoring *r = data;
	int master;

	if (strcmp(action, "setup-namespaces") == 0)
		return namespaces_stand(r, pid, err);
	if (strcmp(action, "post-restore") == 0)
		return processes_stand(r, pid, err);
	if (strcmp(action, "status-ready") == 0)
		return criu_tell_ready(&r->call, err);
	if (strcmp(action, "orphan-pts-master") != 0)
		return 0;
	master = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (master < 0)
		return error_errno(err, errno, "the terminal's master");
	return create_take_terminal(&r->c, master, 0, err);
}

/* The init comes to this process, if that waits for it: CRIU and its helper, its parents, end. The container's orphans
 * do not come, no more than with run. */
static int adopt(struct restoring *r, struct error *err)
{
	const struct criu_observer observer = { notified, r };
	int before, k;

	if (r->c.options->detach)
		return criu_perform(&r->call.request, &observer, err);
	if (prctl(PR_GET_CHILD_SUBREAPER, &before) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_errno(err, errno, "prctl(PR_SET_CHILD_SUBREAPER)");
	k = criu_perform(&r->call.request, &observer, err);
	prctl(PR_SET_CHILD_SUBREAPER, before);
	return k;
}

static int perform(struct restoring *r, struct error *err)
{
	struct creation *c = &r->c;
	int k;

	k = compose(r, err);
	if (k < 0)
		return k;
	k = adopt(r, err);
	if (k < 0) {
		error_at(err, "restore by CRIU");
		return criu_explain(r->call.work, r->call.work_path, LOG, c->context->arena,
				    err);
	}
	return c->created.child.pidfd < 0
		       ? error_set(err, EPROTO, "CRIU has not told of the process that it made")
		       : 0;
}

static int make(struct restoring *r, struct error *err)
{
	static int (*const steps[])(struct creation * c, struct error * err) = {
		create_claim_name,
		create_ask_for_unit,
		create_compile_filter,
		create_make_cgroup,
	};
	size_t i;
	int k;

	for (i = 0; i < ELEMENTS_OF(steps); i++) {
		k = steps[i](&r->c, err);
		if (k < 0)
			return k;
	}
	k = open_sources(r, err);
	if (k >= 0)
		k = external_make_points(&r->c.prepared.plan->rootfs, err);
	if (k >= 0)
		k = perform(r, err);
	return k < 0 ? k : create_commit(&r->c, err);
}

static int restore_container(struct verb_context *context,
			     const struct verb_criu_options *options,
			     const struct verb_create_options *create,
			     struct created *ret_created, struct error *err)
{
	_cleanup_(end) struct restoring r = {
		.c = { CREATION_INIT },
		.call = CRIU_CALL_INIT,
	};
	int k;

	r.c.context = r.call.context = context;
	r.c.options = create;
	r.c.restored = true;
	r.call.options = options;
	k = state_check_id(create->id, err);
	if (k >= 0)
		k = criu_check_options(&r.call, err);
	if (k >= 0)
		k = criu_check_caller(context, err);
	if (k >= 0)
		k = open_images(&r, err);
	if (k >= 0)
		k = create_open_unit(&r.c, err);
	if (k >= 0)
		k = prepare(context, create, create->detach, &r.c.prepared, err);
	if (k >= 0)
		k = check(&r, err);
	if (k >= 0)
		k = make(&r, err);
	if (k < 0)
		return k;
	ret_created->child = r.c.created.child;
	ret_created->master = r.c.created.master;
	return 0;
}

int verb_restore(struct verb_context *context, const struct verb_criu_options *options,
		 const struct verb_create_options *create, int *ret_status, struct error *err)
{
	_cleanup_created_ struct created created = CREATED_INIT;
	int r;

	*ret_status = 0;
	r = restore_container(context, options, create, &created, err);
	if (r < 0 || create->detach)
		return r;
	return run_attend(context, create, &created, ret_status, err);
}
