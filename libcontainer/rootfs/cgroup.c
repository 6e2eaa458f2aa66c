/* /sys/fs/cgroup. With a cgroup namespace of its own the container gets cgroup2 itself, whose root is
 * then its own cgroup. Without one, cgroup2 would show the host's whole hierarchy (and mounting it from
 * the initial cgroup namespace takes 7 ms), so the container's own directory is bound, read-only
 * (CVE-2023-25809). When neither is possible, an empty read-only tmpfs stands there. */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/attributes.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

static int make_cgroup2(const struct plan_op *op, struct error *err)
{
	_cleanup_fd_ int context = -1;
	const struct plan_fs_option *option;
	size_t i;
	int r;

	context = mountfd_fsopen("cgroup2");
	if (context < 0)
		return op_failed(err, -context, "open file system type \"cgroup2\"");
	for (i = 0; i < op->n_fs_options; i++) {
		option = &op->fs_options[i];
		r = option->value ? mountfd_set_string(context, option->key, option->value)
				  : mountfd_set_flag(context, option->key);
		if (r < 0)
			return op_failed(err, -r, "set the option %s", option->key);
	}
	r = mountfd_create(context);
	if (r == 0)
		r = mountfd_fsmount(context, attributes_at_birth(&op->attributes));
	if (r < 0)
		return op_failed(err, -r, "create the file system of type \"cgroup2\"");
	return r;
}

static int make_empty(struct error *err)
{
	_cleanup_fd_ int context = -1;
	int r;

	context = mountfd_fsopen("tmpfs");
	if (context < 0)
		return op_failed(err, -context, "open file system type \"tmpfs\"");
	r = mountfd_set_string(context, "mode", "0755");
	if (r == 0)
		r = mountfd_create(context);
	if (r == 0)
		r = mountfd_fsmount(context, TARE_MOUNT_ATTR_RDONLY | TARE_MOUNT_ATTR_NOSUID |
						     TARE_MOUNT_ATTR_NODEV |
						     TARE_MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return op_failed(err, -r, "create an empty tmpfs");
	return r;
}

/* The own cgroup, read-only. A mount can be attached once; a second entry gets a clone. */
static int bind_own(struct assembly *assembly, const struct plan_op *op, int *ret_own,
		    struct error *err)
{
	const struct plan_attributes read_only = {
		.set = op->attributes.set,
		.recursive_set = TARE_MOUNT_ATTR_RDONLY,
		.propagation = op->attributes.propagation,
		.propagation_recursive = op->attributes.propagation_recursive,
	};
	int mount = assembly->sources->cgroup, from = mount, r;

	if (mount < 0)
		from = assembly->sources->cgroup_directory;
	if (mount < 0 || assembly->cgroup_attached)
		mount = *ret_own = mountfd_open_tree(from, "",
						     TARE_OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (mount < 0)
		return op_failed(err, -mount, "clone the container's cgroup");
	r = attributes_apply(mount, &read_only, assembly->plan->host_propagation, err);
	if (r < 0)
		return r;
	assembly->cgroup_attached = true;
	return mount;
}

/* cgroup2 that shows the container's cgroup namespace. A failure to enter or leave that is none of the mount.
 * @ret_mount: the mount, or why there is none (-errno, with a text). */
static int make_in_owner(const struct assembly *assembly, const struct plan_op *op,
			 int *ret_mount, struct error *err)
{
	_cleanup_fd_ int mount = -1;
	int r;

	r = owner_enter(assembly, op, err);
	if (r < 0)
		return r;
	mount = make_cgroup2(op, err);
	r = owner_leave(assembly, op, err);
	if (r < 0)
		return r;
	*ret_mount = steal_fd(&mount);
	return 0;
}

/* Makes the mount; borrowed from the sources when it is the caller's clone. */
static int make_mount(struct assembly *assembly, const struct plan_op *op, int *ret_own,
		      struct error *err)
{
	const struct plan_attributes rest = attributes_after_birth(&op->attributes);
	int mount, r;

	if (op->opened < 0) {
		r = make_in_owner(assembly, op, &mount, err);
		if (r < 0)
			return r;
		if (mount >= 0) {
			*ret_own = mount;
			r = attributes_apply(mount, &rest, 0, err);
			return r < 0 ? r : mount;
		}
		if (mount != -EPERM && mount != -EBUSY)
			return mount;
		error_ignore(err, "no right to mount cgroup2: the own cgroup is bound");
	}
	if (assembly->sources->cgroup >= 0 ||
	    (assembly->owners && assembly->sources->cgroup_directory >= 0))
		return bind_own(assembly, op, ret_own, err);
	trace_debug("\"%s\": neither cgroup2 nor the own cgroup can be mounted: an empty tmpfs",
		    op->target);
	r = make_empty(err);
	if (r >= 0)
		*ret_own = r;
	return r;
}

int cgroup_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	const struct target target = {
		.path = op->target,
		.directory = true,
		.no_follow = op->no_follow_target,
	};
	_cleanup_fd_ int at = -1, own = -1;
	int mount, r;

	at = target_open(assembly->root, &target, NULL, err);
	if (at < 0)
		return at;
	mount = make_mount(assembly, op, &own, err);
	if (mount < 0)
		return mount;
	r = assembly_attach(assembly, mount, at);
	if (r < 0)
		return op_failed(err, -r, "attach the mount");
	return 0;
}
