/* Making a container's cgroup by the file system: the directories down to it with the controllers that
 * the limits need, the limits in the plan's order, ownership for a delegated one; the device filter is
 * attached separately. Either all of it is there when cgroup_create() succeeds, or none of the directories that it made.
 * Kernel fact: the limits and the filter of a cgroup hold for a process from its birth in it
 * (CLONE_INTO_CGROUP), so nothing is moved later. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "cgroup/below.h"
#include "cgroup/cgroup.h"
#include "cgroup/controllers.h"
#include "cgroup/device_filter.h"
#include "cgroup/file.h"
#include "cgroup/fit.h"
#include "cgroup/write.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"

#define USUAL_PLACE "/sys/fs/cgroup"

/* A cgroup in the making. @path is cut at its slashes while its parts are made and removed. */
struct making {
	char *path;
	int dir; /* of the part of the path that was reached */
	bool in_hierarchy; /* that part is a cgroup */
	bool only_reach; /* nothing is made: it is there, or that is an error */
	unsigned n_made; /* how many directories at the end of the path were not there before */
};

/* Removes what was made, from the end of the path up; the end itself may not have been reached. */
static void cleanup_making(struct making *making)
{
	char *slash;

	cleanup_fd(&making->dir);
	while (making->path && making->n_made > 0) {
		if (rmdir(making->path) == 0) {
			making->n_made--;
		} else if (errno != ENOENT) {
			trace_warning("remove cgroup %s: %s", making->path,
				      error_errno_text(errno));
			break;
		}
		slash = strrchr(making->path, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	cleanup_free(&making->path);
}

static int make_directory(struct making *making, const char *name, struct error *err)
{
	if (mkdirat(making->dir, name, 0755) == 0) {
		making->n_made++;
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	error_errno(err, errno, "make cgroup %s", making->path);
	if (err->code == EAGAIN)
		return error_hint(err, " (cgroup.max.descendants or cgroup.max.depth of a "
				       "cgroup above is reached)");
	if (err->code == EACCES || err->code == EPERM || err->code == EROFS)
		return error_at(err, "unable to apply cgroup configuration");
	return -err->code;
}

/* Finds out whether what was reached is a cgroup. */
static int examine(struct making *making, struct error *err)
{
	struct statfs fs;

	if (fstatfs(making->dir, &fs) < 0)
		return error_errno(err, errno, "examine %s", making->path);
	making->in_hierarchy = fs.f_type == TARE_CGROUP2_SUPER_MAGIC;
	return 0;
}

/* Goes one directory down, to @name; making->path ends with it. */
static int step(struct making *making, const char *name, struct error *err)
{
	int fd, r;

	fd = openat(making->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && making->in_hierarchy && !making->only_reach) {
		r = make_directory(making, name, err);
		if (r < 0)
			return r;
		fd = openat(making->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return error_errno(err, errno, "open cgroup %s", making->path);
	cleanup_fd(&making->dir);
	making->dir = fd;
	return making->in_hierarchy ? 0 : examine(making, err);
}

/* Opens where the way begins: the place where the hierarchy usually is, or the root. Returns the rest of the
 * path. */
static char *begin(struct making *making, struct error *err)
{
	size_t length = strlen(USUAL_PLACE);

	if (strncmp(making->path, USUAL_PLACE "/", length + 1) == 0) {
		making->dir = mountfd_openat2(AT_FDCWD, USUAL_PLACE, O_RDONLY | O_DIRECTORY, 0,
					      TARE_RESOLVE_NO_SYMLINKS);
		if (making->dir >= 0)
			return examine(making, err) < 0 ? NULL : making->path + length + 1;
	}
	making->dir = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (making->dir >= 0)
		return making->path + 1;
	error_errno(err, errno, "open /");
	return NULL;
}

/* Goes down the whole path. Before each step below the hierarchy's root the controllers are enabled for
 * it. */
static int go_down(struct making *making, const struct controllers *controllers,
		   struct error *err)
{
	char *name = begin(making, err), *slash;
	int r;

	if (!name)
		return -err->code;
	while (name) {
		if (making->in_hierarchy) {
			name[-1] = '\0';
			r = controllers_enable(controllers, making->dir, making->path, err);
			name[-1] = '/';
			if (r < 0)
				return r;
		}
		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		r = step(making, name, err);
		if (r < 0)
			return r;
		if (slash)
			*slash = '/';
		name = slash ? slash + 1 : NULL;
	}
	if (!making->in_hierarchy)
		return error_set(err, ENOTSUP, "%s is not on a cgroup2 file system",
				 making->path);
	return 0;
}

/* A container whose cgroup is beside this one can end meanwhile and take the cgroups above both along, if it had
 * made them (cgroup_remove_above()): then they are made again. */
static int descend(struct making *making, const char *path,
		   const struct controllers *controllers, struct error *err)
{
	unsigned tries;
	int r = 0;

	for (tries = 0; tries < 10; tries++) {
		if (tries > 0)
			error_ignore(err, "a cgroup on the way was removed meanwhile");
		cleanup_making(making);
		making->n_made = 0;
		making->in_hierarchy = false;
		making->path = strdup(path);
		if (!making->path)
			return error_oom(err);
		r = go_down(making, controllers, err);
		if (r != -ENOENT && r != -ENODEV)
			break;
	}
	return r;
}

int cgroup_create(const struct plan_cgroup *plan, const char *path, struct cgroup *ret_cgroup,
		  struct error *err)
{
	bool of_unit = plan->manager == PLAN_CGROUP_SYSTEMD, created;
	_cleanup_(cleanup_making) struct making making = { .dir = -1, .only_reach = of_unit };
	struct controllers controllers;
	struct stat st;
	int r;

	*ret_cgroup = CGROUP_INIT;
	if (!path)
		return 0;
	controllers_collect(plan, &controllers);
	r = descend(&making, path, &controllers, err);
	if (r < 0)
		return r;
	created = making.n_made > 0 || of_unit;
	if (!created) {
		r = cgroup_check_fit(making.dir, err);
		if (r < 0)
			return r;
	}
	r = cgroup_check_usage(plan, making.dir, err);
	if (r >= 0)
		r = cgroup_write_all(plan->writes, plan->n_writes, making.dir, NULL, err);
	if (r >= 0 && plan->delegate)
		r = cgroup_give_away(plan, making.dir, err);
	if (r >= 0 && plan->subgroup)
		r = cgroup_make_below(plan, making.dir, plan->subgroup, err);
	if (r < 0)
		return error_at(err, "cgroup %s", path);
	if (fstat(making.dir, &st) < 0)
		return error_errno(err, errno, "examine cgroup %s", path);
	ret_cgroup->id = st.st_ino;
	ret_cgroup->subgroup = plan->subgroup ? r : -1;
	ret_cgroup->fd = steal_fd(&making.dir);
	ret_cgroup->path = path;
	if (!created)
		cgroup_note_oom(ret_cgroup);
	ret_cgroup->created = created;
	ret_cgroup->delegates = plan->delegate_to != NULL;
	ret_cgroup->above = making.n_made > 0 ? making.n_made - 1 : 0;
	making.n_made = 0;
	return 0;
}

int cgroup_filter_devices(const struct plan_cgroup *plan, const struct cgroup *cgroup,
			  struct error *err)
{
	int r = 0;

	if (cgroup->fd < 0 || !plan->filter_devices)
		return 0;
	/* an earlier container in the same cgroup may have left its filter */
	if (!cgroup->created)
		r = device_filter_detach(cgroup->fd, err);
	if (r >= 0)
		r = device_filter_attach(cgroup->fd, plan->device_rules, plan->n_device_rules,
					 err);
	return r < 0 ? error_at(err, "cgroup %s: linux.resources.devices", cgroup->path) : 0;
}

int cgroup_enable_down_to(const char *path, const struct controllers *controllers,
			  struct error *err)
{
	_cleanup_(cleanup_making) struct making making = { .dir = -1, .only_reach = true };

	return descend(&making, path, controllers, err);
}

void cgroup_close(struct cgroup *cgroup)
{
	cleanup_fd(&cgroup->fd);
	cleanup_fd(&cgroup->subgroup);
}
