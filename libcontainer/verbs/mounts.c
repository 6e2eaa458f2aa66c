/* mounts: what is mounted in a container while it runs. Sources of bind mounts are opened here, with the caller's
 * rights in the caller's mount namespace, before anything of the container is entered; a helper attaches them
 * (process/mounting.c). Nothing is recorded: what is mounted, the container's mount table says. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cgroup/cgroup.h"
#include "kernel/procfs.h"
#include "process/mounting.h"
#include "verbs/observe.h"

struct remounting {
	struct verb_context *context;
	struct state_dir dir;
	struct verb_container container;
	struct mounting mounting;
	struct cgroup cgroup;
	struct rootfs_sources sources;
	int userns;
};

#define REMOUNTING_INIT(the_context)                                                  \
	(struct remounting)                                                           \
	{                                                                             \
		.context = the_context, .dir = STATE_DIR_INIT, .cgroup = CGROUP_INIT, \
		.sources = ROOTFS_SOURCES_INIT, .userns = -1, .mounting = {           \
			.container = -1,                                              \
			.pid_ns = -1,                                                 \
			.proc = the_context->proc                                     \
		}                                                                     \
	}

static void end(struct remounting *m)
{
	rootfs_sources_close(&m->sources);
	cgroup_close(&m->cgroup);
	cleanup_fd(&m->userns);
	cleanup_fd(&m->mounting.pid_ns);
	cleanup_fd(&m->mounting.container);
	state_dir_close(&m->dir);
}

/* Returns its length. */
static ssize_t read_file(struct verb_context *context, const char *path, char **ret_text,
			 struct error *err)
{
	_cleanup_fd_ int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_errno(err, errno, "open %s", path);
	return fd_read_all(fd, JSON_SIZE_MAX, path, context->arena, ret_text, err);
}

/* A namespace of the container's, -1 where it has none of its own. */
static int open_namespace(const struct remounting *m, uint64_t flag, const char *name,
			  int *ret_fd, struct error *err)
{
	char path[32];

	if (!(m->mounting.namespaces & flag))
		return 0;
	snprintf(path, sizeof path, "%d/ns/%s", (int)m->container.record->init.pid, name);
	*ret_fd = openat(m->context->proc, path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? error_errno(err, errno, "open the container's %s namespace", name)
			   : 0;
}

static int check(const struct remounting *m, const struct state_exec *recorded,
		 struct error *err)
{
	if (m->container.status == STATE_STOPPED)
		return error_set(err, ESRCH, "container not running");
	if (m->container.status == STATE_CREATING)
		return error_set(err, EBUSY, "container is being created");
	if (recorded->foreign_root || !(recorded->namespaces & CLONE_NEWNS))
		return error_set(err, ENOTSUP,
				 "the container has no mount namespace of its own: what is "
				 "mounted there is not its own matter");
	return 0;
}

/* Opens the container, locked. */
static int open_container(struct remounting *m, const char *id, struct error *err)
{
	struct seccomp_program filter;
	struct state_exec recorded;
	int r;

	r = observe_locked(m->context, id, &m->dir, &m->container, err);
	if (r >= 0)
		r = state_read_exec(&m->dir, m->context->arena, &recorded, &filter, err);
	if (r >= 0)
		r = check(m, &recorded, err);
	if (r < 0)
		return r;
	m->mounting.namespaces = recorded.namespaces;
	m->mounting.container = state_open_process(&m->container.record->init,
						   m->context->proc);
	if (m->mounting.container == -ESRCH)
		return error_set(err, ESRCH, "container not running");
	if (m->mounting.container < 0)
		return error_errno(err, -m->mounting.container, "open process %d",
				   (int)m->container.record->init.pid);
	r = observe_user_namespace(m->context, m->container.record, &m->mounting.namespaces,
				   err);
	if (r >= 0)
		r = open_namespace(m, CLONE_NEWUSER, "user", &m->userns, err);
	if (r >= 0)
		r = open_namespace(m, CLONE_NEWPID, "pid", &m->mounting.pid_ns, err);
	return r;
}

/* The container's cgroup namespace may have been given by path. */
static int know_cgroup_namespace(const struct remounting *m, bool *ret_initial,
				 struct error *err)
{
	char path[32];
	bool own;
	int r;

	snprintf(path, sizeof path, "%d/ns/cgroup", (int)m->container.record->init.pid);
	r = procfs_know_cgroup_namespace(m->context->proc, m->context->proc, path, &own,
					 ret_initial);
	return r < 0 ? error_errno(err, -r, "examine the container's cgroup namespace") : 0;
}

static int probe(const struct remounting *m, struct kernel_caps *ret_caps, struct error *err)
{
	const char *switched = m->context->settings->kernel_caps;
	int r;

	r = probe_kernel((geteuid() == 0 ? PROBE_DETACHED : 0) | PROBE_OVERLAY, ret_caps, err);
	return r < 0 || !switched ? r : probe_switch_off(ret_caps, switched, err);
}

int verb_mounts_add(struct verb_context *context, const char *id, const char *path,
		    struct error *err)
{
	_cleanup_(end) struct remounting m = REMOUNTING_INIT(context);
	struct plan_mounts_request request = { 0 };
	struct kernel_caps caps;
	bool initial;
	ssize_t length;
	char *text;
	int r;

	length = read_file(context, path, &text, err);
	if (length < 0)
		return (int)length;
	r = spec_load_mounts(text, (size_t)length, path, context->arena, &request.list, err);
	if (r >= 0)
		r = open_container(&m, id, err);
	if (r >= 0)
		r = probe(&m, &caps, err);
	if (r < 0)
		return r;
	request.caps = &caps;
	request.bundle = m.container.record->bundle;
	request.namespaces = m.mounting.namespaces;
	r = know_cgroup_namespace(&m, &initial, err);
	if (r < 0)
		return r;
	if (initial)
		request.namespaces &= ~(uint64_t)CLONE_NEWCGROUP;
	r = plan_added_mounts(&request, context->arena, &m.mounting.plan, err);
	if (r >= 0 && m.container.record->cgroup)
		r = cgroup_open_below(m.container.record->cgroup, NULL, context->arena,
				      &m.cgroup, err);
	if (r >= 0)
		r = rootfs_open_sources(m.mounting.plan, m.cgroup.fd, context->arena,
					&m.sources, err);
	if (r >= 0)
		r = rootfs_idmap_sources(m.mounting.plan, &m.sources, m.userns, err);
	if (r < 0)
		return r;
	m.mounting.sources = &m.sources;
	return mounting_perform(&m.mounting, err);
}

int verb_mounts_remove(struct verb_context *context, const char *id, const char *path,
		       struct error *err)
{
	_cleanup_(end) struct remounting m = REMOUNTING_INIT(context);
	ssize_t length;
	char *text;
	int r;

	length = read_file(context, path, &text, err);
	if (length < 0)
		return (int)length;
	r = spec_load_mount_places(text, (size_t)length, path, context->arena,
				   &m.mounting.removed, err);
	if (r >= 0)
		r = open_container(&m, id, err);
	return r < 0 ? r : mounting_perform(&m.mounting, err);
}
