/* Entering the finished tree. pivot_root(".", ".") stacks the old root over the new one, where it is
 * detached through a descriptor that was taken before: no directory for it is needed (pivot_root(2)).
 * It needs a root that is a mount and not shared, and fails on an initramfs: that is --no-pivot. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "rootfs/operation.h"

static int enter_pivot(int root, struct error *err)
{
	_cleanup_fd_ int old = -1;
	int r;

	old = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0)
		return op_failed(err, errno, "open the old root");
	if (fchdir(root) < 0)
		return op_failed(err, errno, "change to the root");
	r = mountfd_pivot_root(".", ".");
	if (r < 0) {
		op_failed(err, -r, "pivot_root");
		if (r == -EINVAL)
			error_hint(err, " (on an initramfs use --no-pivot)");
		return r;
	}
	if (fchdir(old) < 0)
		return op_failed(err, errno, "change to the old root");
	/* "/" was made slave or private before: what is detached here stays on the host */
	r = mountfd_umount(".", MNT_DETACH);
	if (r < 0)
		return op_failed(err, -r, "detach the old root");
	return 0;
}

static int enter_chroot(int root, struct error *err)
{
	if (fchdir(root) < 0)
		return op_failed(err, errno, "change to the root");
	if (chroot(".") < 0)
		return op_failed(err, errno, "chroot");
	return 0;
}

/* --no-pivot: the root's mount goes on top of "/". */
static int enter_move(int root, struct error *err)
{
	_cleanup_fd_ int slash = -1;
	int r;

	slash = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (slash < 0)
		return op_failed(err, errno, "open the old root");
	r = mountfd_attach(root, slash);
	if (r < 0)
		return op_failed(err, -r, "move the root to \"/\"");
	return enter_chroot(root, err);
}

/* Security rule R-CWD: a working directory outside of the root is "(unreachable)/..." or an error. */
static int verify_cwd(struct error *err)
{
	char path[PATH_MAX];

	if (!getcwd(path, sizeof path))
		return op_failed(err, errno, "find the working directory in the new root");
	if (path[0] != '/')
		return error_set(err, EXDEV,
				 "the working directory is outside of the new root");
	return 0;
}

int rootfs_enter(const struct plan_rootfs *plan, int root, struct error *err)
{
	int r;

	if (plan->mount_ns != PLAN_NS_NEW)
		r = enter_chroot(root, err);
	else if (plan->no_pivot)
		r = enter_move(root, err);
	else
		r = enter_pivot(root, err);
	if (r < 0)
		return error_at(err, "enter the root \"%s\"", plan->path);
	return rootfs_settle(plan, root, err);
}

int rootfs_settle(const struct plan_rootfs *plan, int root, struct error *err)
{
	int r = 0;

	if (chdir("/") < 0)
		r = op_failed(err, errno, "change to \"/\"");
	if (r == 0)
		r = verify_cwd(err);
	if (r < 0)
		return error_at(err, "enter the root \"%s\"", plan->path);
	if (!plan->root_propagation)
		return 0;
	r = mountfd_setattr(root, plan->root_propagation_recursive, 0, 0,
			    plan->root_propagation, -1);
	if (r < 0)
		return op_failed(err, -r,
				 "linux.rootfsPropagation: change the propagation of "
				 "the root");
	return 0;
}
