/* Mounts of a container that runs. Its processes may change the tree at any moment, so what is looked up once is
 * used by descriptor from then on: a mount is attached to the place that was found, and taken away by the
 * descriptor of its root (umount2(2) knows paths alone: the one of a descriptor in the host's procfs is
 * followed to that very mount, wherever the container has moved the directory by then). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

#define SYSFS_SUPER_MAGIC 0x62656572 /* SYSFS_MAGIC of linux/magic.h */

int assembly_attach(struct assembly *assembly, int mount, int at)
{
	struct attached *attached = assembly->attached;
	int copy, r;

	if (!attached)
		return mountfd_attach(mount, at);
	if (attached->n == attached->size)
		return -ENOSPC;
	copy = fcntl(mount, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	r = mountfd_attach(mount, at);
	if (r < 0) {
		close(copy);
		return r;
	}
	attached->fds[attached->n++] = copy;
	return 0;
}

static int open_root(struct error *err)
{
	int fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? op_failed(err, errno, "open the container's root") : fd;
}

/* Whatever the caller was not allowed to clone would be opened by its path in the container. */
static int check_sources(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
			 struct error *err)
{
	size_t i;

	for (i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->kind != PLAN_OP_BIND || sources->fds[op->opened] >= 0)
			continue;
		op_failed(
			err, EPERM,
			"clone the source, for which it takes CAP_SYS_ADMIN over the caller's "
			"mount namespace");
		return op_at(err, op);
	}
	return 0;
}

static void take_away(struct attached *attached, int proc)
{
	int r;

	while (attached->n > 0) {
		r = mountfd_detach(proc, attached->fds[--attached->n]);
		if (r < 0)
			trace_warning("take a mount away again: %s", error_errno_text(-r));
		close(attached->fds[attached->n]);
	}
}

int rootfs_add(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
	       const struct rootfs_adding *adding, struct error *err)
{
	struct rootfs_owners owners = ROOTFS_OWNERS_INIT;
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	_cleanup_arena_ struct arena *arena = arena_new();
	struct attached attached = { .size = plan->n_ops };
	_cleanup_fd_ int root = -1;
	int r;

	attached.fds = arena ? arena_array(arena, plan->n_ops, sizeof *attached.fds) : NULL;
	if (!attached.fds)
		return error_oom(err);
	r = check_sources(plan, sources, err);
	if (r < 0)
		return r;
	root = open_root(err);
	if (root < 0)
		return root;
	owners.theirs[SPEC_NAMESPACE_PID] = adding->pid_ns;
	assembly.owners = &owners;
	assembly.attached = &attached;
	assembly.root = root;
	umask(0); /* of the helper, which ends with this */
	r = assembly_perform(&assembly, plan->ops, 0, plan->n_ops, err);
	if (r >= 0)
		r = adding->confirm(adding->data, err);
	if (r < 0)
		take_away(&attached, adding->proc);
	while (attached.n > 0)
		close(attached.fds[--attached.n]);
	return r;
}

/* Follows no link: what the container put there would decide what is unmounted. */
static int find(int root, const char *path, uint64_t flags, struct error *err)
{
	int fd = mountfd_openat2(root, path, O_PATH | flags, 0,
				 TARE_RESOLVE_IN_ROOT | TARE_RESOLVE_NO_SYMLINKS);

	return fd < 0 ? op_failed(err, -fd, "open \"%s\" below the root", path) : fd;
}

/* Where masks and read-only paths are: a directory that was moved there must not uncover them. */
static int check_surroundings(int root, char *path, struct error *err)
{
	char *name = strrchr(path, '/');
	_cleanup_fd_ int parent = -1;
	struct statfs fs;

	if (!name || !name[1])
		return error_set(err, EBUSY, "the root itself stays");
	*name = '\0';
	parent = find(root, *path ? path : "/", O_DIRECTORY, err);
	*name = '/';
	if (parent < 0)
		return parent;
	if (fstatfs(parent, &fs) < 0)
		return op_failed(err, errno, "examine the place");
	if (fs.f_type == TARE_PROC_SUPER_MAGIC || fs.f_type == SYSFS_SUPER_MAGIC ||
	    fs.f_type == TARE_CGROUP2_SUPER_MAGIC)
		return error_set(err, EPERM,
				 "what is mounted inside of proc, sysfs or cgroup2 stays");
	return 0;
}

static int find_mount(int root, const struct spec_mount *mount, struct arena *arena,
		      struct error *err)
{
	char *path = arena_printf(arena, "/%s", mount->destination);
	int r;

	if (path)
		path = path_clean(arena, path);
	if (!path)
		return error_oom(err);
	r = check_surroundings(root, path, err);
	return r < 0 ? r : find(root, path, O_NOFOLLOW, err);
}

/* @really: false only looks whether it is there. */
static int remove_one(int root, const struct spec_mount *mount, bool really, int proc,
		      struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_fd_ int fd = arena ? find_mount(root, mount, arena, err) : error_oom(err);
	int r;

	if (fd < 0 || !really)
		return fd < 0 ? fd : 0;
	r = mountfd_detach(proc, fd);
	if (r == -EINVAL)
		return op_failed(err, EINVAL, "unmount: nothing is mounted there");
	return r < 0 ? op_failed(err, -r, "unmount") : 0;
}

int rootfs_remove(const struct spec_mount_list *list, int proc, struct error *err)
{
	_cleanup_fd_ int root = open_root(err);
	size_t i;
	int r;

	if (root < 0)
		return root;
	for (i = 0; i < 2 * list->n_mounts; i++) {
		const struct spec_mount *mount = &list->mounts[i % list->n_mounts];

		r = remove_one(root, mount, i >= list->n_mounts, proc, err);
		if (r < 0)
			return error_at(err, "mounts[%zu] (%s)", i % list->n_mounts,
					mount->destination);
	}
	return 0;
}
