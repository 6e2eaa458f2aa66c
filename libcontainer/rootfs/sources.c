/* The sources of bind mounts, opened with the caller's rights in the caller's mount namespace before
 * the clone: what a path names is decided once, there, and the container's side only gets descriptors.
 * open_tree(OPEN_TREE_CLONE) wants CAP_SYS_ADMIN over the mount namespace; a caller without it leaves
 * -1, and the container's side, which has the right in its own namespace, opens the path. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

#define DEVICE_HINT                                                                     \
	" (in a user namespace mknod(2) is refused: a device is a bind of the host's, " \
	"which has no such node there)"

#define NULL_MAJOR 1
#define NULL_MINOR 3

static void close_all(int *fds, size_t n)
{
	size_t i;

	for (i = 0; fds && i < n; i++)
		cleanup_fd(&fds[i]);
}

void rootfs_sources_close(struct rootfs_sources *sources)
{
	close_all(sources->fds, sources->n);
	close_all(sources->userns, sources->n_userns);
	cleanup_fd(&sources->null_device);
	cleanup_fd(&sources->cgroup);
}

/* A device that is bound must be the one that config.json describes, not what the path became. */
static int check_device(int fd, const struct plan_op *op, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return op_failed(err, errno, "examine \"%s\"", op->source);
	if ((st.st_mode & S_IFMT) == op->device.type &&
	    (op->device.type == S_IFIFO ||
	     st.st_rdev == makedev(op->device.major, op->device.minor)))
		return 0;
	return error_set(err, ENODEV, "the host's \"%s\" is not the device %u:%u", op->source,
			 op->device.major, op->device.minor);
}

int source_open(const struct plan_op *op, struct error *err)
{
	const char *path = op->source ? op->source : op->target;
	_cleanup_fd_ int fd = -1;
	int r;

	fd = mountfd_open_tree(AT_FDCWD, path,
			       TARE_OPEN_TREE_CLONE | (op->recursive ? TARE_AT_RECURSIVE : 0));
	if (fd < 0) {
		op_failed(err, -fd, "open the source \"%s\"", path);
		if (fd == -EINVAL && !op->recursive)
			error_hint(err,
				   " (it is on an unbindable mount, or has mounts below it "
				   "that a user namespace must not uncover: use rbind)");
		if (fd == -ENOENT && op->kind == PLAN_OP_DEVICE)
			error_hint(err, DEVICE_HINT);
		return op_hint_search(path, err);
	}
	if (op->kind == PLAN_OP_DEVICE) {
		r = check_device(fd, op, err);
		if (r < 0)
			return r;
	}
	return steal_fd(&fd);
}

int source_open_null(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r;

	fd = mountfd_open_tree(AT_FDCWD, "/dev/null", TARE_OPEN_TREE_CLONE);
	if (fd < 0)
		return op_failed(err, -fd, "open /dev/null for the masks");
	if (fstat(fd, &st) < 0)
		return op_failed(err, errno, "examine /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(NULL_MAJOR, NULL_MINOR))
		return error_set(
			err, ENODEV,
			"/dev/null is not character device 1:3: refusing to mask with it");
	r = mountfd_setattr(
		fd, 0, TARE_MOUNT_ATTR_RDONLY | TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_NOEXEC,
		0, MS_PRIVATE, -1);
	if (r < 0)
		return op_failed(err, -r, "make the clone of /dev/null read-only");
	return steal_fd(&fd);
}

/* A caller that may not clone mounts still says at once when a source is missing. */
static int check_exists(const struct plan_op *op, struct error *err)
{
	const char *path = op->source ? op->source : op->target;
	_cleanup_fd_ int fd = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	op_failed(err, errno, "open the source \"%s\"", path);
	if (err->code == ENOENT && op->kind == PLAN_OP_DEVICE)
		error_hint(err, DEVICE_HINT);
	return op_hint_search(path, err);
}

static int open_one(const struct plan_op *op, size_t index, struct rootfs_sources *sources,
		    struct error *err)
{
	int fd, r;

	if (op->idmap.kind == PLAN_IDMAP_OWN) {
		r = idmap_open_userns(op->idmap.uid_map, op->idmap.gid_map, err);
		if (r < 0)
			return r;
		sources->userns[index] = r;
	}
	if (op->opened < 0 || op->kind == PLAN_OP_CGROUP)
		return 0;
	fd = source_open(op, err);
	if (fd == -EPERM) {
		error_ignore(err, "the container's side opens the source itself");
		return check_exists(op, err);
	}
	if (fd < 0)
		return fd;
	sources->fds[op->opened] = fd;
	if (op->idmap.kind != PLAN_IDMAP_OWN)
		return 0;
	return idmap_apply(fd, sources->userns[index], &op->idmap, err);
}

/* Outside, no clone is kept for the case that cgroup2 can't be mounted: it is made when it is needed. Dissolving
 * one that is not used waits for a grace period of RCU. */
static bool may_bind(const struct plan_rootfs *plan, const struct plan_op *op)
{
	return op->opened >= 0 || plan->place != PLAN_DETACHED;
}

/* The sources that are not of one operation: /dev/null for the masks, the own cgroup. */
static int open_shared(const struct plan_rootfs *plan, int cgroup,
		       struct rootfs_sources *sources, struct error *err)
{
	bool masks = false, binds_cgroup = false;
	size_t i;

	for (i = 0; i < plan->n_finish; i++)
		masks |= plan->finish[i].kind == PLAN_OP_MASKED_PATH;
	for (i = 0; i < plan->n_ops; i++)
		binds_cgroup |= plan->ops[i].kind == PLAN_OP_CGROUP &&
				may_bind(plan, &plan->ops[i]);
	if (masks) {
		sources->null_device = source_open_null(err);
		if (sources->null_device == -EPERM)
			error_ignore(err, "the container's side opens /dev/null itself");
		else if (sources->null_device < 0)
			return sources->null_device;
	}
	if (binds_cgroup && cgroup >= 0) {
		sources->cgroup = mountfd_open_tree(cgroup, "",
						    TARE_OPEN_TREE_CLONE | AT_EMPTY_PATH);
		if (sources->cgroup < 0 && sources->cgroup != -EPERM)
			return op_failed(err, -sources->cgroup, "clone the container's cgroup");
	}
	return 0;
}

static int *unopened(struct arena *arena, size_t n)
{
	int *fds = arena_array(arena, n, sizeof *fds);
	size_t i;

	for (i = 0; fds && i < n; i++)
		fds[i] = -1;
	return fds;
}

int rootfs_open_sources(const struct plan_rootfs *plan, int cgroup, struct arena *arena,
			struct rootfs_sources *ret_sources, struct error *err)
{
	_cleanup_(rootfs_sources_close) struct rootfs_sources sources = ROOTFS_SOURCES_INIT;
	size_t i;
	int r;

	sources.fds = unopened(arena, plan->n_opened);
	sources.userns = unopened(arena, plan->n_ops);
	if (!sources.fds || !sources.userns)
		return error_oom(err);
	sources.cgroup_directory = cgroup;
	sources.n = plan->n_opened;
	sources.n_userns = plan->n_ops;
	for (i = 0; i < plan->n_ops; i++) {
		r = open_one(&plan->ops[i], i, &sources, err);
		if (r < 0)
			return op_at(err, &plan->ops[i]);
	}
	r = open_shared(plan, cgroup, &sources, err);
	if (r < 0)
		return r;
	*ret_sources = sources;
	sources = ROOTFS_SOURCES_INIT;
	return 0;
}

int rootfs_idmap_sources(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
			 int userns, struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->idmap.kind != PLAN_IDMAP_CONTAINER || op->opened < 0)
			continue;
		if (sources->fds[op->opened] < 0) {
			op_failed(err, EPERM,
				  "id-map the mount (the caller may not clone mounts)");
			return op_at(err, op);
		}
		r = idmap_apply(sources->fds[op->opened], userns, &op->idmap, err);
		if (r < 0)
			return op_at(err, op);
	}
	return 0;
}
