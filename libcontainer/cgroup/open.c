/* Opening a cgroup that is there, for a process that is to be born in it. Kernel facts: a cgroup whose
 * subtree_control is not empty takes no processes (cgroups(7), "no internal processes"), so a container that
 * has made cgroups of its own, as systemd does, has its init in one of them; and whatever a container has
 * made below its cgroup may be a link to nowhere else, because cgroupfs has no links. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"

static int open_directory(const char *path, struct cgroup *ret_cgroup, struct error *err)
{
	int fd = cgroup_open(AT_FDCWD, path);

	if (fd < 0)
		return error_errno(err, -fd, "open cgroup %s", path);
	*ret_cgroup = (struct cgroup){ .fd = fd, .subgroup = -1, .path = path };
	return 0;
}

int cgroup_open_below(const char *path, const char *below, struct arena *arena,
		      struct cgroup *ret_cgroup, struct error *err)
{
	const char *whole = path;

	if (below && path_has_dotdot(below))
		return error_set(err, EINVAL,
				 "bad sub cgroup path: %s is not a sub cgroup path", below);
	if (below) {
		whole = arena_printf(arena, "%s/%s", path, below);
		if (whole)
			whole = path_clean(arena, whole);
		if (!whole)
			return error_oom(err);
	}
	return open_directory(whole, ret_cgroup, err);
}

int cgroup_move(int cgroup, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof text, "%d", (int)pid);
	return fd_write_file(cgroup, "cgroup.procs", text, err);
}

int cgroup_open_of_process(int proc, pid_t pid, struct arena *arena, struct cgroup *ret_cgroup,
			   struct error *err)
{
	struct cgroup_hierarchy hierarchy;
	const char *path;
	int r;

	r = cgroup_find_hierarchy_of(proc, pid, arena, &hierarchy, err);
	if (r < 0)
		return r;
	path = arena_printf(arena, "%s%s", hierarchy.mount_point, hierarchy.own);
	if (!path)
		return error_oom(err);
	return open_directory(path, ret_cgroup, err);
}
