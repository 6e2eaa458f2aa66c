/* Cgroups below the container's own, which annotations ask for, and what is done once the init stands in its
 * cgroup. No controller is enabled for them: limits are those of the container's cgroup, and what is below
 * belongs to the container. Kernel fact: the root of a new cgroup namespace is the cgroup that its first
 * process is born in (cgroup_post_fork()), and stays that when the process is moved. */
#include "cgroup/below.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "cgroup/write.h"

#define DELEGATE_LIST "/sys/kernel/cgroup/delegate"
#define NAME_SIZE 256

int cgroup_give_away(const struct plan_cgroup *plan, int dir, struct error *err)
{
	char list[4096], *name, *rest = NULL;
	ssize_t n;

	n = cgroup_file_read(AT_FDCWD, DELEGATE_LIST, list, sizeof list);
	if (n < 0)
		memcpy(list, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads", 51);
	if (fchown(dir, plan->owner_uid, plan->owner_gid) < 0)
		return error_errno(err, errno, "give the cgroup to user %u", plan->owner_uid);
	for (name = strtok_r(list, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		if (!path_is_name(name))
			continue;
		if (fchownat(dir, name, plan->owner_uid, plan->owner_gid, AT_SYMLINK_NOFOLLOW) <
			    0 &&
		    errno != ENOENT)
			return error_errno(err, errno, "give the cgroup's %s to user %u", name,
					   plan->owner_uid);
	}
	return 0;
}

int cgroup_make_below(const struct plan_cgroup *plan, int dir, const char *path,
		      struct error *err)
{
	_cleanup_fd_ int here = -1;
	char name[NAME_SIZE];
	size_t length;
	int next, r;

	for (; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length >= sizeof name)
			return error_set(err, ENAMETOOLONG, "make cgroup %s", path);
		memcpy(name, path, length);
		name[length] = '\0';
		if (mkdirat(here < 0 ? dir : here, name, 0755) < 0 && errno != EEXIST)
			return error_errno(err, errno, "make cgroup %s below it", name);
		next = cgroup_open(here < 0 ? dir : here, name);
		if (next < 0)
			return error_errno(err, -next, "open cgroup %s below it", name);
		cleanup_fd(&here);
		here = next;
		r = plan->delegate ? cgroup_give_away(plan, here, err) : 0;
		if (r < 0)
			return r;
	}
	return steal_fd(&here);
}

int cgroup_birthplace(const struct cgroup *cgroup)
{
	return cgroup->subgroup >= 0 ? cgroup->subgroup : cgroup->fd;
}

int cgroup_settle(const struct plan_cgroup *plan, const struct cgroup *cgroup, pid_t pid,
		  struct error *err)
{
	_cleanup_fd_ int dir = -1;
	int r;

	if (cgroup->fd < 0)
		return 0;
	r = cgroup_write_all(plan->late_writes, plan->n_late_writes, cgroup->fd, NULL, err);
	if (r < 0 || !plan->delegate_to)
		return r;
	dir = cgroup_make_below(plan, cgroup_birthplace(cgroup), plan->delegate_to, err);
	r = dir < 0 ? dir : cgroup_move(dir, pid, err);
	return r < 0 ? error_at(err, "annotations[run.oci.delegate-cgroup]: %s",
				plan->delegate_to)
		     : 0;
}
