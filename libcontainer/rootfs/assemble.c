/* The assembly: opens the root and performs the plan's operations on it, in order. From the moment the
 * root's descriptor exists, everything goes through it: no working directory and no path of the host
 * plays a part, so the same functions work on a tree that is attached nowhere (outside.c).
 * A clone of the root's mount is attached over root.path, because pivot_root(2) wants a mount whose
 * parent is not shared; in a mount namespace that is not the container's own the clone stays detached,
 * so that nothing is ever mounted on the host. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

static int perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	switch (op->kind) {
	case PLAN_OP_MOUNT:
		return filesystem_perform(assembly, op, err);
	case PLAN_OP_BIND:
		return bind_perform(assembly, op, err);
	case PLAN_OP_REMOUNT:
		return remount_perform(assembly, op, err);
	case PLAN_OP_CGROUP:
		return cgroup_perform(assembly, op, err);
	case PLAN_OP_DEVICE:
		return device_perform(assembly, op, err);
	case PLAN_OP_SYMLINK:
		return symlink_perform(assembly, op, err);
	case PLAN_OP_PTMX:
		return ptmx_perform(assembly, op, err);
	case PLAN_OP_CONSOLE:
		return 0; /* rootfs_bind_console(), once there is a pty */
	case PLAN_OP_SEAL:
		return seal_perform(assembly, op, err);
	case PLAN_OP_READONLY_PATH:
		return readonly_path_perform(assembly, op, err);
	case PLAN_OP_MASKED_PATH:
		return masked_path_perform(assembly, op, err);
	case PLAN_OP_ROOT_READONLY:
		return root_readonly_perform(assembly, op, err);
	}
	return error_set(err, EINVAL, "unknown kind of operation %d", (int)op->kind);
}

static bool makes_a_node(const struct plan_op *op)
{
	return op->kind == PLAN_OP_DEVICE || op->kind == PLAN_OP_SYMLINK ||
	       op->kind == PLAN_OP_PTMX;
}

int assembly_perform(struct assembly *assembly, const struct plan_op *ops, size_t from,
		     size_t to, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = from; r >= 0 && i < to; i++) {
		/* a mount may cover the directory, or what leads to it */
		if (!makes_a_node(&ops[i]))
			cleanup_fd(&assembly->nodes);
		assembly->index = i;
		r = perform(assembly, &ops[i], err);
		if (r < 0)
			r = op_at(err, &ops[i]);
	}
	cleanup_fd(&assembly->nodes);
	return r < 0 ? r : 0;
}

int assembly_open_root(const struct plan_rootfs *plan, struct error *err)
{
	int fd = openat(AT_FDCWD, plan->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && plan->n_layers)
		fd = openat(AT_FDCWD, plan->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		op_failed(err, errno, "open the root \"%s\"", plan->path);
		if (err->code == EACCES)
			op_hint_search(plan->path, err);
		return -err->code;
	}
	return fd;
}

/* What "/" of the new namespace becomes. Binds that are to stay shared with the host are clones from
 * the host's namespace and don't need "/" to be shared; if it were, the container's own mounts would
 * appear on the host, and pivot_root(2) would refuse. An unbindable root could not be cloned. */
static uint64_t own_propagation(const struct plan_rootfs *plan)
{
	return plan->host_propagation == MS_PRIVATE || plan->host_propagation == MS_UNBINDABLE
		       ? MS_PRIVATE
		       : MS_SLAVE;
}

int assembly_part_from_host(const struct plan_rootfs *plan, struct error *err)
{
	int r = mountfd_setattr_path("/", 1, 0, 0, own_propagation(plan));

	return r < 0 ? op_failed(err, -r, "change the propagation of \"/\"") : 0;
}

int assembly_clone_root(const struct plan_rootfs *plan, int *ret_at, struct error *err)
{
	_cleanup_fd_ int at = -1, tree = -1;
	int r;

	if (plan->n_layers)
		return layers_make_root(plan, -1, err);
	at = assembly_open_root(plan, err);
	if (at < 0)
		return at;
	tree = mountfd_open_tree(at, "",
				 TARE_OPEN_TREE_CLONE | TARE_AT_RECURSIVE | AT_EMPTY_PATH);
	if (tree < 0)
		return op_failed(err, -tree, "clone the root \"%s\"", plan->path);
	r = mountfd_setattr(tree, 1, 0, 0, own_propagation(plan), -1);
	if (r < 0)
		return op_failed(err, -r, "change the propagation of the root");
	*ret_at = steal_fd(&at);
	return steal_fd(&tree);
}

/* Returns the root of the container's tree: a clone of the mount at root.path. */
static int make_tree(const struct plan_rootfs *plan, struct error *err)
{
	_cleanup_fd_ int at = -1, tree = -1;
	int r;

	if (plan->mount_ns == PLAN_NS_NEW) {
		r = assembly_part_from_host(plan, err);
		if (r < 0)
			return r;
	}
	if (plan->n_layers) {
		at = assembly_open_root(plan, err);
		return at < 0 ? at : layers_make_root(plan, at, err);
	}
	tree = assembly_clone_root(plan, &at, err);
	if (tree < 0)
		return tree;
	if (plan->mount_ns == PLAN_NS_NEW) {
		r = mountfd_attach(tree, at);
		if (r < 0)
			return op_failed(err, -r, "attach the root at \"%s\"", plan->path);
	}
	return steal_fd(&tree);
}

int rootfs_assemble(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		    struct error *err)
{
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	_cleanup_fd_ int root = -1;
	int r;

	root = make_tree(plan, err);
	if (root < 0)
		return root;
	assembly.root = root;
	r = assembly_perform(&assembly, plan->ops, 0, plan->n_ops, err);
	return r < 0 ? r : steal_fd(&root);
}

int rootfs_finish(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		  int root, struct error *err)
{
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	int r;

	assembly.root = root;
	r = assembly_perform(&assembly, plan->finish, 0, plan->n_finish, err);
	cleanup_fd(&assembly.owned_null);
	cleanup_fd(&assembly.directory_mask);
	cleanup_fd(&assembly.above_fd);
	return r;
}
