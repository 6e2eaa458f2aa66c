/* Where a container's cgroup will be, as a path; nothing is made. An absolute linux.cgroupsPath counts
 * from the hierarchy's root (spec 178). A relative one counts from there too for root, so that the same
 * value is always the same place (spec 180), but for anybody else from beside the own cgroup, the only
 * place that can have been delegated to them. Without one the container goes beside the caller.
 * Kernel fact: a process may be put into a cgroup by who can write the cgroup.procs of the nearest
 * ancestor that source and destination share. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "kernel/procfs.h"

/* "/a" for "/a/b"; "/" for "/a" and "/". */
static const char *parent_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

/* The cgroup's path below the mount point, "/a/b". */
static int place(const struct plan_cgroup *plan, const char *own, bool privileged,
		 struct arena *arena, const char **ret_path, struct error *err)
{
	const char *base, *path;

	if (plan->path && path_has_dotdot(plan->path))
		return error_set(err, EINVAL,
				 "linux.cgroupsPath: \"%s\" must not contain \"..\"",
				 plan->path);
	base = parent_of(arena, own);
	if (!base)
		return error_oom(err);
	if (!plan->path)
		path = path_join(arena, base, plan->id);
	else if (path_is_absolute(plan->path) || privileged)
		path = path_join(arena, "/", plan->path);
	else
		path = path_join(arena, base, plan->path);
	if (path)
		path = path_clean(arena, path);
	if (!path)
		return error_oom(err);
	if (strcmp(path, "/") == 0)
		return error_set(
			err, EINVAL,
			"linux.cgroupsPath: \"%s\" is the root of the hierarchy, which "
			"cannot be a container's cgroup",
			plan->path);
	*ret_path = path;
	return 0;
}

/* Whether the caller may write the nearest existing directory of @path.
 * @path: in the file system; cut in place and restored. */
static int may_write(char *path, size_t mount_point, struct error *err)
{
	size_t length = strlen(path), end = length;
	int r;

	for (;;) {
		r = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0 ? -errno : 0;
		if (r != -ENOENT || end <= mount_point)
			break;
		while (end > mount_point && path[end] != '/')
			end--;
		path[end] = '\0';
		while (end > mount_point && path[end - 1] == '/')
			path[--end] = '\0';
	}
	if (r < 0)
		error_errno(err, -r, "write to cgroup %s", path);
	return r;
}

/* Restores what may_write() cut by working on a copy; also asks about the shared ancestor. */
static int may_make(const struct cgroup_hierarchy *hierarchy, const char *path, bool privileged,
		    struct arena *arena, struct error *err)
{
	size_t mount_point = strlen(hierarchy->mount_point), i, shared = 0;
	char *copy = arena_printf(arena, "%s%s", hierarchy->mount_point, path);
	const char *procs;
	int r;

	if (!copy)
		return error_oom(err);
	r = may_write(copy, mount_point, err);
	if (r < 0 || privileged)
		return r;
	for (i = 0; path[i] && path[i] == hierarchy->own[i]; i++)
		if (path[i] == '/')
			shared = i;
	/* one of them ended where the other goes on below it */
	if ((path[i] == '/' && !hierarchy->own[i]) || (!path[i] && hierarchy->own[i] == '/'))
		shared = i;
	procs = arena_printf(arena, "%s%.*s/cgroup.procs", hierarchy->mount_point, (int)shared,
			     path);
	if (!procs)
		return error_oom(err);
	if (faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) < 0)
		return error_errno(err, errno, "write to %s", procs);
	return 0;
}

static int find(const struct plan_cgroup *plan, int proc, struct arena *arena,
		const char **ret_path, struct error *err)
{
	bool privileged = geteuid() == 0 && procfs_in_initial_userns(proc) == 1;
	struct cgroup_hierarchy hierarchy;
	const char *path = NULL;
	int r;

	r = cgroup_find_hierarchy(proc, arena, &hierarchy, err);
	if (r < 0)
		return r;
	r = place(plan, hierarchy.own, privileged, arena, &path, err);
	if (r < 0)
		return r;
	r = may_make(&hierarchy, path, privileged, arena, err);
	if (r < 0)
		return r;
	*ret_path = arena_printf(arena, "%s%s", hierarchy.mount_point, path);
	return *ret_path ? 0 : error_oom(err);
}

int cgroup_locate(const struct plan_cgroup *plan, int proc, struct arena *arena,
		  const char **ret_path, struct error *err)
{
	int r;

	*ret_path = NULL;
	/* where systemd puts a scope is seen when it is there (unit_await()) */
	if (plan->manager != PLAN_CGROUP_CGROUPFS)
		return 0;
	r = find(plan, proc, arena, ret_path, err);
	if (r >= 0)
		return 0;
	*ret_path = NULL;
	if (r == -EINVAL || r == -ENOMEM)
		return r;
	if (!plan->required) {
		/* not a warning: nobody asked for one, and the standard error may be the container's */
		trace_debug("the container runs without a cgroup of its own: %s", err->text);
		error_ignore(err, "nothing in config.json needs a cgroup");
		return 0;
	}
	if (r == -EACCES || r == -EPERM || r == -EROFS) {
		if (geteuid() != 0)
			error_hint(err,
				   " (limits take a cgroup that was delegated to the user: "
				   "systemd-run --user --scope -p Delegate=yes -- COMMAND runs "
				   "a command in one; with --systemd-cgroup the user's service "
				   "manager makes one for the container)");
		return error_at(err, "rootless needs no limits + no cgrouppath when no "
				     "permission is granted for cgroups");
	}
	return error_at(err, "find the container's cgroup");
}
