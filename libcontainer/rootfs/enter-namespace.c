/* Entering a tree as a mount namespace of its own (Linux 7.0): tare makes a namespace that holds a copy of the
 * detached tree and nothing else, and the init enters it. The host's mounts are never copied, so the cost does
 * not grow with their number, and there is no old root to detach. setns(2) makes the namespace's root the
 * process's root and working directory; from then on no path leads to the host. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

int rootfs_make_namespace(int tree, struct error *err)
{
	int fd = mountfd_open_tree(
		tree, "", TARE_OPEN_TREE_NAMESPACE | TARE_AT_RECURSIVE | AT_EMPTY_PATH);

	return fd < 0 ? op_failed(err, -fd, "make a mount namespace of the root") : fd;
}

int rootfs_enter_namespace(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
			   int namespace, struct error *err)
{
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	_cleanup_fd_ int root = -1;
	int r;

	r = process_setns(namespace, CLONE_NEWNS);
	if (r < 0)
		return op_failed(err, -r, "enter the mount namespace of the root: setns");
	root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return op_failed(err, errno, "open the new root");
	assembly.root = root;
	assembly.cgroup_attached = plan_binds_cgroup_outside(plan);
	r = assembly_perform(&assembly, plan->ops, plan->n_outside, plan->n_ops, err);
	return r < 0 ? r : steal_fd(&root);
}
