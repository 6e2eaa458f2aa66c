/* Finding the cgroup2 hierarchy. On most hosts it is all of /sys/fs/cgroup; on a hybrid one it is a
 * directory in it, and inside a container only a part of it may be mounted. Kernel facts: the path in
 * /proc/self/cgroup and the root field of mountinfo are both relative to the root of the reader's cgroup
 * namespace, so they can be compared; the root of the whole hierarchy has inode number 1, and the initial
 * cgroup namespace 0xEFFFFFFB (include/linux/proc_ns.h), which spares the reading of mountinfo (a line for
 * each mount of each container). */
#include "cgroup/hierarchy.h"

#include "cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"

#define HIERARCHY_ROOT_INO 1
#define USUAL_PLACE "/sys/fs/cgroup"
#define MOUNTINFO_MAX ((size_t)64 * 1024 * 1024)
#define CGROUP_FILE_MAX 65536

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TARE_CGROUP2_SUPER_MAGIC;
}

/* What of @own lies below @root: "/b" for "/a/b" below "/a"; NULL when it does not. */
static const char *below(const char *root, const char *own)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(root, own, length) != 0 || (own[length] != '/' && own[length] != '\0'))
		return NULL;
	return own[length] ? own + length : "/";
}

int cgroup_pick_hierarchy(char *mountinfo, const char *own, bool (*usable)(const char *path),
			  struct arena *arena, struct cgroup_hierarchy *ret_hierarchy)
{
	const char *best_root = NULL, *best_point = NULL;
	struct mountinfo mount;
	char *line, *next;

	for (line = mountinfo; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!mountinfo_parse(line, &mount) || strcmp(mount.type, "cgroup2") != 0 ||
		    !below(mount.root, own))
			continue;
		/* a later line may be mounted over an earlier one, so it wins a tie */
		if (best_root && strlen(mount.root) > strlen(best_root))
			continue;
		if (!usable(mount.point))
			continue;
		best_root = mount.root;
		best_point = mount.point;
	}
	if (!best_root)
		return -ENOENT;
	if (strcmp(best_point, "/") == 0)
		best_point = "";
	ret_hierarchy->mount_point = arena_strdup(arena, best_point);
	ret_hierarchy->own = arena_strdup(arena, below(best_root, own));
	return ret_hierarchy->mount_point && ret_hierarchy->own ? 0 : -ENOMEM;
}

static int read_proc(int proc, const char *path, struct arena *arena, char **ret_text,
		     struct error *err)
{
	_cleanup_fd_ int fd = procfs_openat(proc, path, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return error_errno(err, -fd, "open /proc/%s", path);
	length = fd_read_all(fd, MOUNTINFO_MAX, path, arena, ret_text, err);
	return length < 0 ? (int)length : 0;
}

/* The path behind "0::" in /proc/PID/cgroup. @pid: 0 is the caller. */
static int cgroup_of(int proc, pid_t pid, struct arena *arena, char **ret_own,
		     struct error *err)
{
	static const char deleted[] = " (deleted)";
	char file[32] = "self/cgroup", *line, *end;
	size_t length;
	int r;

	if (pid > 0)
		snprintf(file, sizeof file, "%d/cgroup", (int)pid);
	r = read_proc(proc, file, arena, &line, err);
	if (r < 0)
		return r;
	while (line && strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	if (!line)
		return error_set(err, ENOTSUP,
				 "this kernel has no cgroup v2 (no line 0:: in "
				 "/proc/self/cgroup)");
	line += 3;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	length = strlen(line);
	if (length > sizeof deleted && strcmp(line + length - sizeof deleted + 1, deleted) == 0)
		line[length - sizeof deleted + 1] = '\0';
	*ret_own = line;
	return 0;
}

/* Whether the whole hierarchy is at the usual place and paths are relative to its root. */
static bool is_usual(int proc)
{
	struct stat st;

	return is_cgroup2(USUAL_PLACE) && stat(USUAL_PLACE, &st) == 0 &&
	       st.st_ino == HIERARCHY_ROOT_INO &&
	       fstatat(proc, "self/ns/cgroup", &st, 0) == 0 &&
	       st.st_ino == TARE_PROC_CGROUP_INIT_INO;
}

int cgroup_find_hierarchy(int proc, struct arena *arena, struct cgroup_hierarchy *ret_hierarchy,
			  struct error *err)
{
	return cgroup_find_hierarchy_of(proc, 0, arena, ret_hierarchy, err);
}

int cgroup_find_hierarchy_of(int proc, pid_t pid, struct arena *arena,
			     struct cgroup_hierarchy *ret_hierarchy, struct error *err)
{
	char *own = NULL, *mountinfo = NULL;
	int r;

	r = cgroup_of(proc, pid, arena, &own, err);
	if (r < 0)
		return r;
	if (is_usual(proc)) {
		ret_hierarchy->mount_point = USUAL_PLACE;
		ret_hierarchy->own = own;
		return 0;
	}
	r = read_proc(proc, "self/mountinfo", arena, &mountinfo, err);
	if (r < 0)
		return r;
	r = cgroup_pick_hierarchy(mountinfo, own, is_cgroup2, arena, ret_hierarchy);
	if (r == -ENOENT)
		return error_set(err, ENOTSUP,
				 "no cgroup2 file system that shows the own cgroup %s is "
				 "mounted (tare needs cgroup v2: mount -t cgroup2 cgroup2 "
				 "/sys/fs/cgroup, or the option --cgroup-manager=disabled)",
				 own);
	if (r < 0)
		return error_oom(err);
	return 0;
}

int cgroup_split_path(int proc, const char *path, struct arena *arena, const char **ret_mount,
		      const char **ret_below, struct error *err)
{
	struct cgroup_hierarchy hierarchy;
	size_t length;
	int r;

	r = cgroup_find_hierarchy(proc, arena, &hierarchy, err);
	if (r < 0)
		return r;
	length = strlen(hierarchy.mount_point);
	if (strncmp(path, hierarchy.mount_point, length) != 0 || path[length] != '/')
		return error_set(err, ESTALE, "the cgroup %s is not below %s", path,
				 hierarchy.mount_point);
	*ret_mount = hierarchy.mount_point;
	*ret_below = path + length;
	return 0;
}
