/* Joining namespaces. Which privilege a setns() needs depends on who owns the namespace: root of the host may
 * enter any, but after the user namespace was entered only what that one owns is left. So the first pass
 * runs with the caller's privileges, and what was refused is tried again inside the user namespace. */
#include "process/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

/* The mount namespace last: it takes the host's paths away. */
static const enum spec_namespace_type order[] = {
	SPEC_NAMESPACE_PID,	SPEC_NAMESPACE_IPC,    SPEC_NAMESPACE_UTS,
	SPEC_NAMESPACE_NETWORK, SPEC_NAMESPACE_CGROUP, SPEC_NAMESPACE_TIME,
	SPEC_NAMESPACE_MOUNT,
};

static int open_one(const struct plan_namespace *plan, enum spec_namespace_type type,
		    struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct statfs fs;

	fd = openat(AT_FDCWD, plan->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		error_errno(err, errno, "open %s", plan->path);
		return err->code == EACCES
			       ? error_hint(err,
					    " (a process's namespaces may be opened by who "
					    "may trace it: its user, if it has no more "
					    "privileges)")
			       : -err->code;
	}
	if (fstatfs(fd, &fs) < 0)
		return error_errno(err, errno, "fstatfs %s", plan->path);
	if (fs.f_type != TARE_NSFS_MAGIC ||
	    ioctl(fd, TARE_NS_GET_NSTYPE) != (int)spec_namespace_flag(type))
		return error_set(err, EINVAL, "%s is not a %s namespace", plan->path,
				 spec_namespace_name(type));
	return steal_fd(&fd);
}

int join_open(const struct plan_namespaces *plan, struct join_set *ret_set, struct error *err)
{
	enum spec_namespace_type type;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++)
		ret_set->fds[type] = -1;
	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++) {
		if (plan->of[type].mode != PLAN_NS_JOIN)
			continue;
		ret_set->fds[type] = open_one(&plan->of[type], type, err);
		if (ret_set->fds[type] < 0)
			return error_at(err, "linux.namespaces (%s)",
					spec_namespace_name(type));
	}
	return 0;
}

void join_close(struct join_set *set)
{
	enum spec_namespace_type type;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++)
		cleanup_fd(&set->fds[type]);
}

static int enter(const struct join_set *set, enum spec_namespace_type type, struct error *err)
{
	int r;

	if (set->fds[type] < 0)
		return 0;
	r = process_setns(set->fds[type], (int)spec_namespace_flag(type));
	if (r < 0)
		return error_errno(err, -r, "join the %s namespace: setns",
				   spec_namespace_name(type));
	return 0;
}

int join_before_clone(const struct join_set *set, struct error *err)
{
	bool refused[SPEC_NAMESPACE_TYPES] = { false };
	size_t i;
	int r;

	for (i = 0; i < ELEMENTS_OF(order); i++) {
		if (order[i] == SPEC_NAMESPACE_CGROUP)
			continue;
		r = enter(set, order[i], err);
		if (r == -EPERM && set->fds[SPEC_NAMESPACE_USER] >= 0) {
			refused[order[i]] = true;
			error_ignore(err, "tried again inside the user namespace");
		} else if (r < 0) {
			return r;
		}
	}
	r = enter(set, SPEC_NAMESPACE_USER, err);
	if (r < 0)
		return r;
	for (i = 0; i < ELEMENTS_OF(order); i++) {
		if (!refused[order[i]])
			continue;
		r = enter(set, order[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int join_all(const struct join_set *set, struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < ELEMENTS_OF(order); i++) {
		r = enter(set, order[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int join_after_clone(const struct join_set *set, struct error *err)
{
	return enter(set, SPEC_NAMESPACE_CGROUP, err);
}
