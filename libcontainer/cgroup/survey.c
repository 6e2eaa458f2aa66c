/* What the caller could limit, without making anything: where a container's cgroup would be, which
 * controllers a limit there would find, and whether the device filter can be loaded. A cgroup can enable for
 * those below it what its own cgroup.controllers lists, so it is the nearest existing one that is asked. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/device_filter.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"

/* The nearest directory above @path that exists. */
static int open_above(const char *path, size_t mount_point, struct arena *arena,
		      const char **ret_path)
{
	char *copy = arena_strdup(arena, path), *slash;
	int fd;

	if (!copy)
		return -ENOMEM;
	for (;;) {
		slash = strrchr(copy, '/');
		if (!slash || (size_t)(slash - copy) < mount_point)
			return -ENOENT;
		*slash = '\0';
		fd = openat(AT_FDCWD, copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT) {
			*ret_path = copy;
			return fd < 0 ? -errno : fd;
		}
	}
}

int cgroup_survey(int proc, struct arena *arena, struct cgroup_survey *ret_survey,
		  struct error *err)
{
	const struct plan_cgroup plan = { .id = "doctor", .required = true };
	struct cgroup_hierarchy hierarchy;
	_cleanup_fd_ int dir = -1;
	char controllers[1024];
	const char *path;
	ssize_t n;
	int r;

	*ret_survey = (struct cgroup_survey){ .controllers = "" };
	r = cgroup_find_hierarchy(proc, arena, &hierarchy, err);
	if (r < 0)
		return r;
	ret_survey->mount_point = hierarchy.mount_point;
	r = cgroup_locate(&plan, proc, arena, &path, err);
	if (r < 0)
		return r;
	ret_survey->path = path;
	dir = open_above(path, strlen(hierarchy.mount_point), arena, &path);
	if (dir < 0)
		return error_errno(err, -dir, "open the cgroup above %s", ret_survey->path);
	n = cgroup_file_read(dir, "cgroup.controllers", controllers, sizeof controllers);
	if (n < 0)
		return error_errno(err, (int)-n, "read %s/cgroup.controllers", path);
	ret_survey->controllers = arena_strdup(arena, controllers);
	return ret_survey->controllers ? 0 : error_oom(err);
}

int cgroup_survey_devices(struct error *err)
{
	return device_filter_try(err);
}
