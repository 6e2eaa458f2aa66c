/* What is a container's own and what is the host's. A superblock that the host's mount namespace shows as well was not
 * made for the container: binds, masks that cover files with /dev/null, and the cgroup hierarchy, whose options a
 * mount of its own would change for the host (the kernel has one superblock and one set of options). Where each comes
 * from when the container is restored, perhaps elsewhere, is not asked of the checkpoint but of config.json, as when a
 * container is created. */
#include "rootfs/external.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "kernel/mountfd.h"
#include "kernel/mountinfo.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "rootfs/target.h"

#define MOUNTINFO_MAX ((size_t)64 * 1024 * 1024)

/* Calls @each for every line. */
static int for_each_mount(int proc, const char *file, struct arena *arena,
			  int (*each)(void *data, const struct mountinfo *mount), void *data,
			  struct error *err)
{
	_cleanup_fd_ int fd = procfs_openat(proc, file, O_RDONLY);
	char *text, *line, *rest = NULL;
	struct mountinfo mount;
	ssize_t n;

	if (fd < 0)
		return error_errno(err, -fd, "open /proc/%s", file);
	n = fd_read_all(fd, MOUNTINFO_MAX, file, arena, &text, err);
	if (n < 0)
		return (int)n;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (mountinfo_parse(line, &mount) && each(data, &mount) < 0)
			return error_oom(err);
	return 0;
}

struct finding {
	struct arena *arena;
	struct external_mounts *found;
	struct external_mount *mounts;
	const char **devices;
	uint64_t *ids;
};

static int add_device(void *data, const struct mountinfo *mount)
{
	struct finding *f = data;

	f->devices = arena_grow(f->arena, f->devices, f->found->n_devices, sizeof *f->devices);
	if (!f->devices)
		return -ENOMEM;
	f->devices[f->found->n_devices++] = mount->device;
	return 0;
}

static bool is_of_host(const struct finding *f, const char *device)
{
	size_t i;

	for (i = 0; i < f->found->n_devices; i++)
		if (strcmp(f->devices[i], device) == 0)
			return true;
	return false;
}

/* The host's as well, where the container shares the namespace that they show; mounted anew they show the same. */
static bool is_same_anew(const struct mountinfo *mount)
{
	static const char *const types[] = { "sysfs", "proc", "mqueue" };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(types); i++)
		if (strcmp(mount->type, types[i]) == 0 && strcmp(mount->root, "/") == 0)
			return true;
	return false;
}

static int add_mount(void *data, const struct mountinfo *mount)
{
	struct finding *f = data;

	f->ids = arena_grow(f->arena, f->ids, f->found->n_ids, sizeof *f->ids);
	if (!f->ids)
		return -ENOMEM;
	f->ids[f->found->n_ids++] = mount->id;
	if (strcmp(mount->point, "/") == 0 || !is_of_host(f, mount->device) ||
	    is_same_anew(mount))
		return 0;
	f->mounts = arena_grow(f->arena, f->mounts, f->found->n, sizeof *f->mounts);
	if (!f->mounts)
		return -ENOMEM;
	f->mounts[f->found->n++] = (struct external_mount){
		.point = mount->point,
		.attributes = mountinfo_attributes(mount->options),
	};
	return 0;
}

int external_find(int proc, pid_t pid, struct arena *arena, struct external_mounts *ret_mounts,
		  struct error *err)
{
	struct external_mounts found = { 0 };
	struct finding f = { .arena = arena, .found = &found };
	char file[32];
	int r;

	r = for_each_mount(proc, "self/mountinfo", arena, add_device, &f, err);
	if (r < 0)
		return r;
	snprintf(file, sizeof file, "%d/mountinfo", (int)pid);
	r = for_each_mount(proc, file, arena, add_mount, &f, err);
	if (r < 0)
		return r;
	found.mounts = f.mounts;
	found.devices = f.devices;
	found.ids = f.ids;
	*ret_mounts = found;
	return 0;
}

/* What of @path lies below @above: "" for itself; NULL when it does not. */
static const char *below(const char *above, const char *path)
{
	size_t length = strcmp(above, "/") == 0 ? 0 : strlen(above);

	if (strncmp(above, path, length) != 0 || (path[length] != '/' && path[length] != '\0'))
		return NULL;
	return path + length;
}

/* The last operation that mounts something of the host at @point or above it. */
static const char *bound_source(const struct plan_rootfs *plan, const char *point,
				const char *cgroup, struct arena *arena)
{
	const char *rest, *source;
	const struct plan_op *op;
	size_t i;

	for (i = plan->n_ops; i > 0; i--) {
		op = &plan->ops[i - 1];
		rest = below(op->target, point);
		if (!rest)
			continue;
		if (op->kind == PLAN_OP_CGROUP)
			source = cgroup;
		else if (op->kind == PLAN_OP_BIND ||
			 (op->kind == PLAN_OP_DEVICE && op->device.bind))
			source = op->source;
		else
			continue;
		return source ? arena_printf(arena, "%s%s", source, rest) : NULL;
	}
	return NULL;
}

int external_source(const struct plan_rootfs *plan, const char *point, const char *cgroup,
		    struct arena *arena, const char **ret_source, struct error *err)
{
	const struct plan_op *finish = NULL;
	size_t i;

	for (i = 0; i < plan->n_finish; i++)
		if (strcmp(plan->finish[i].target, point) == 0)
			finish = &plan->finish[i];
	if (finish && finish->kind == PLAN_OP_MASKED_PATH)
		*ret_source = "/dev/null";
	else
		*ret_source = bound_source(plan, point, cgroup, arena);
	if (!*ret_source && finish && finish->kind == PLAN_OP_READONLY_PATH)
		*ret_source = arena_printf(arena, "%s%s", plan->path, point);
	if (!*ret_source)
		return error_set(
			err, ENOENT,
			"the container had something of the host at %s, and config.json "
			"mounts nothing there",
			point);
	return 0;
}

/* Whether an earlier operation mounts something of the container's or the host's above the target, in which it has to
 * be found then. */
static bool is_covered(const struct plan_rootfs *plan, size_t index)
{
	size_t i;

	for (i = 0; i < index; i++)
		if ((plan->ops[i].kind == PLAN_OP_MOUNT || plan->ops[i].kind == PLAN_OP_BIND) &&
		    below(plan->ops[i].target, plan->ops[index].target))
			return true;
	return false;
}

int external_make_points(const struct plan_rootfs *plan, struct error *err)
{
	_cleanup_fd_ int root = openat(AT_FDCWD, plan->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t i;

	if (root < 0)
		return error_errno(err, errno, "open the root %s", plan->path);
	for (i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];
		struct target target = { .path = op->target, .directory = true };
		_cleanup_fd_ int made = -1;
		struct stat st;

		if ((op->kind != PLAN_OP_MOUNT && op->kind != PLAN_OP_BIND &&
		     op->kind != PLAN_OP_CGROUP) ||
		    is_covered(plan, i) || strcmp(op->target, "/") == 0)
			continue;
		if (op->kind == PLAN_OP_BIND && stat(op->source, &st) < 0)
			return error_errno(err, errno, "%s: %s", op->where, op->source);
		if (op->kind == PLAN_OP_BIND)
			target.directory = S_ISDIR(st.st_mode);
		target.procfs = op->type && strcmp(op->type, "proc") == 0;
		made = target_open(root, &target, NULL, err);
		if (made < 0)
			return error_at(err, "%s", op->where);
	}
	return 0;
}

/* In a process of its own, inside the container's mount namespace, where nothing of the container runs yet. */
static int set_attributes(const struct external_mounts *mounts, bool read_only_root,
			  struct error *err)
{
	const uint64_t flags = TARE_MOUNT_ATTR_RDONLY | TARE_MOUNT_ATTR_NOSUID |
			       TARE_MOUNT_ATTR_NODEV | TARE_MOUNT_ATTR_NOEXEC |
			       TARE_MOUNT_ATTR_NODIRATIME | TARE_MOUNT_ATTR__ATIME |
			       TARE_MOUNT_ATTR_NOSYMFOLLOW;
	size_t i;
	int r;

	for (i = 0; i < mounts->n; i++) {
		const struct external_mount *mount = &mounts->mounts[i];
		_cleanup_fd_ int fd = mountfd_openat2(AT_FDCWD, mount->point, O_PATH, 0,
						      TARE_RESOLVE_NO_SYMLINKS);

		if (fd < 0)
			return error_errno(err, -fd, "open %s in the container", mount->point);
		r = mountfd_setattr(fd, 0, mount->attributes, flags, 0, -1);
		if (r < 0)
			return error_errno(err, -r, "set the mount flags of %s", mount->point);
	}
	if (!read_only_root)
		return 0;
	r = mountfd_setattr_path("/", 0, TARE_MOUNT_ATTR_RDONLY, 0, 0);
	return r < 0 ? error_errno(err, -r, "make the root read-only") : 0;
}

static _Noreturn void settle_inside(int namespace, const struct external_mounts *mounts,
				    bool read_only_root, int answer)
{
	struct error err = ERROR_INIT;
	int r = process_setns(namespace, CLONE_NEWNS);

	if (r < 0)
		error_errno(&err, -r, "enter the container's mount namespace");
	else
		r = set_attributes(mounts, read_only_root, &err);
	if (r < 0 && write(answer, &err, sizeof err) < 0)
		_exit(2);
	_exit(r < 0);
}

int external_settle(int proc, pid_t pid, const struct external_mounts *mounts,
		    bool read_only_root, struct error *err)
{
	_cleanup_fd_ int namespace = -1, reading = -1, writing = -1, child = -1;
	int ends[2], status = 0;
	struct stat ours, theirs;
	char file[32];
	pid_t helper;

	if (mounts->n == 0 && !read_only_root)
		return 0;
	snprintf(file, sizeof file, "%d/ns/mnt", (int)pid);
	namespace = openat(proc, file, O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		return error_errno(err, errno, "open /proc/%s", file);
	if (fstat(namespace, &theirs) < 0 || fstatat(proc, "self/ns/mnt", &ours, 0) < 0)
		return error_errno(err, errno, "examine the mount namespaces");
	if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
		return error_set(err, ESTALE,
				 "CRIU has left the init in the runtime's mount namespace");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe2");
	reading = ends[0];
	writing = ends[1];
	helper = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &child);
	if (helper < 0)
		return error_errno(err, -helper, "clone3");
	if (helper == 0)
		settle_inside(namespace, mounts, read_only_root, writing);
	cleanup_fd(&writing);
	if (read(reading, err, sizeof *err) == sizeof *err && err->code != 0) {
		if (process_wait(child, &status) < 0)
			return -err->code;
		return error_at(err, "restore the mount flags");
	}
	err->code = 0;
	if (process_wait(child, &status) < 0 || status != 0)
		return error_set(err, EIO, "restore the mount flags: the helper failed");
	return 0;
}
