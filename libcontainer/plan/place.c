/* Where the root is assembled. Outside is allowed only to what is known to come out the same there: a
 * file system takes namespaces, credentials and the memory control group from whoever makes it, so the
 * known types are listed with the namespace they show, and any other is the container's side's. The
 * operations keep their order: from the first that has to be made inside on, all are. */
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "plan/root.h"

/* What fsconfig(2) takes; longer ones are given to mount(2), which can't mount on a detached tree. */
#define OPTION_MAX 255

static const struct {
	const char *type;
	int owner;
} outside_types[] = {
	{ "proc", SPEC_NAMESPACE_PID },
	{ "sysfs", SPEC_NAMESPACE_NETWORK },
	{ "mqueue", SPEC_NAMESPACE_IPC },
	{ "cgroup2", SPEC_NAMESPACE_CGROUP },
	{ "tmpfs", -1 },
	{ "devpts", -1 },
	{ "overlay", -1 },
};

/* Index into the table, or -1. */
static int find_type(const char *type)
{
	size_t i;

	for (i = 0; type && i < ELEMENTS_OF(outside_types); i++)
		if (strcmp(outside_types[i].type, type) == 0)
			return (int)i;
	return -1;
}

int plan_owner(const struct plan_op *op)
{
	int i;

	if (op->kind == PLAN_OP_CGROUP)
		return op->opened < 0 ? SPEC_NAMESPACE_CGROUP : -1;
	if (op->kind != PLAN_OP_MOUNT)
		return -1;
	i = find_type(op->type);
	return i < 0 ? -1 : outside_types[i].owner;
}

static bool has_long_option(const struct plan_op *op)
{
	size_t i;

	for (i = 0; i < op->n_fs_options; i++)
		if (op->fs_options[i].value && strlen(op->fs_options[i].value) > OPTION_MAX)
			return true;
	return false;
}

static bool goes_outside(const struct plan_op *op, bool entered)
{
	switch (op->kind) {
	case PLAN_OP_MOUNT:
		/* what is copied up is charged to the memory of whoever copies */
		return find_type(op->type) >= 0 && !op->copy_up && !op->iversion &&
		       !has_long_option(op);
	case PLAN_OP_BIND:
		/* The file of a mount namespace may be mounted below the source. Only a tree that is
		 * copied loses it, and a tree that has one can't be attached (check_for_nsfs_mounts() in
		 * fs/namespace.c); the container's side has a copy of the host's tree. */
		return entered || !op->recursive;
	case PLAN_OP_CGROUP:
	case PLAN_OP_DEVICE:
		return true;
	default:
		/* Flags of a mount inside of a detached tree can't be changed (mount_setattr(2) wants
		 * the tree's root), and whether /proc/self/fd is there only a process of the
		 * container's pid namespace sees. */
		return false;
	}
}

/* How many operations, from the first on, are performed outside. */
static size_t count_outside(const struct plan_rootfs *rootfs, bool entered)
{
	size_t n = 0;

	while (n < rootfs->n_ops && goes_outside(&rootfs->ops[n], entered))
		n++;
	return n;
}

static bool binds_cgroup(const struct plan_op *op)
{
	return op->kind == PLAN_OP_CGROUP && op->opened >= 0;
}

bool plan_binds_cgroup_outside(const struct plan_rootfs *rootfs)
{
	size_t i;

	for (i = 0; i < rootfs->n_outside; i++)
		if (binds_cgroup(&rootfs->ops[i]))
			return true;
	return false;
}

/* What looks up paths of the host, or mounts by the host's /proc. */
static bool needs_host(const struct plan_op *op)
{
	return op->kind == PLAN_OP_MOUNT &&
	       (find_type(op->type) < 0 || op->n_layers || op->iversion || has_long_option(op));
}

/* The kernel's copy of a tree leaves out what is unbindable: what an option makes so, and every bind when
 * linux.rootfsPropagation does. The operations that are left to the container's side come after the copying, where no
 * path leads to the host any more, and no descriptor to a mount that can be cloned: a second bind of the own cgroup is
 * a clone of the first, which stayed in the tree that was copied. */
static bool can_be_copied(const struct plan_rootfs *rootfs)
{
	bool clones_cgroup = plan_binds_cgroup_outside(rootfs);
	size_t i;

	if (rootfs->host_propagation == MS_UNBINDABLE)
		return false;
	for (i = rootfs->n_outside; i < rootfs->n_ops; i++)
		if (needs_host(&rootfs->ops[i]) ||
		    (clones_cgroup && binds_cgroup(&rootfs->ops[i])))
			return false;
	for (i = 0; i < rootfs->n_outside; i++)
		if (rootfs->ops[i].attributes.propagation == MS_UNBINDABLE)
			return false;
	return true;
}

/* A superblock belongs to the user namespace of the process that makes it, and setns(2) into one can't be
 * undone; a helper process in it would need a copy of the host's mount namespace of its own before it may
 * mount at all, which costs what the detached way saves. So a container with a user namespace is
 * assembled by its own side, as is any of an unprivileged caller. */
void plan_place(const struct plan_builder *b)
{
	struct plan_rootfs *rootfs = &b->plan->rootfs;
	struct plan_namespaces *namespaces = &b->plan->namespaces;
	uint64_t mount_flag = spec_namespace_flag(SPEC_NAMESPACE_MOUNT);
	/* network devices are moved as soon as the init is there */
	uint64_t network_flag = b->plan->n_net_devices
					? 0
					: spec_namespace_flag(SPEC_NAMESPACE_NETWORK);
	bool entered;

	if (!b->caps->detached || !b->caps->pidns_option || !b->privileged ||
	    namespaces->in_userns || rootfs->mount_ns != PLAN_NS_NEW || rootfs->no_pivot ||
	    rootfs->hooks_see_host_tree || rootfs->layers_by_name)
		return;
	rootfs->n_outside = count_outside(rootfs, b->caps->open_tree_ns);
	entered = b->caps->open_tree_ns && can_be_copied(rootfs);
	if (!entered)
		rootfs->n_outside = count_outside(rootfs, false);
	if (rootfs->n_outside == 0)
		return;
	rootfs->place = PLAN_DETACHED;
	namespaces->unshare_flags |= namespaces->clone_flags & network_flag;
	namespaces->clone_flags &= ~(mount_flag | network_flag);
	if (entered)
		rootfs->entrance = PLAN_ENTER_NAMESPACE;
	else
		namespaces->unshare_flags |= mount_flag;
}
