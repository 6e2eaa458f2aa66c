/* The second place of the assembly: a tree that is attached nowhere, made by the creating process while
 * the container's side prepares itself, and attached there when it is finished. The host's mount table
 * shows nothing of it, and it vanishes with its descriptor. A file system takes its namespace from the
 * process that makes it, so that process enters the container's for the time. This goes for all of the
 * making: cgroup2 looks at the process's own namespace when its superblock is created, too, and would
 * change the options of the host's hierarchy (apply_cgroup_root_flags() in kernel/cgroup/cgroup.c). */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "rootfs/operation.h"

void rootfs_owners_close(struct rootfs_owners *owners)
{
	enum spec_namespace_type type;

	for (type = 0; type < SPEC_NAMESPACE_TYPES; type++) {
		cleanup_fd(&owners->theirs[type]);
		cleanup_fd(&owners->ours[type]);
	}
}

/* Whether @op is made outside, for a namespace of the container that has to be entered. */
static bool is_foreign(const struct assembly *assembly, int owner)
{
	return assembly->owners && owner >= 0 && assembly->owners->ours[owner] >= 0;
}

int owner_enter(const struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	int owner = plan_owner(op), r;

	if (!is_foreign(assembly, owner))
		return 0;
	if (assembly->owners->theirs[owner] < 0) {
		r = assembly->owners->await(assembly->owners, (enum spec_namespace_type)owner,
					    err);
		if (r < 0)
			return r;
	}
	r = process_setns(assembly->owners->theirs[owner], 0);
	return r < 0 ? op_failed(err, -r, "enter the container's %s namespace",
				 spec_namespace_name((enum spec_namespace_type)owner))
		     : 0;
}

int owner_leave(const struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	int owner = plan_owner(op), r;

	if (!is_foreign(assembly, owner))
		return 0;
	r = process_setns(assembly->owners->ours[owner], 0);
	if (r >= 0)
		return 0;
	op_failed(err, -r, "leave the container's %s namespace",
		  spec_namespace_name((enum spec_namespace_type)owner));
	err->code = ENOTRECOVERABLE; /* which nobody takes for a reason to try something else */
	return -ENOTRECOVERABLE;
}

/* Nodes and directories get the modes that they were given; the umask is per process, and the init's own. */
static void restore_umask(mode_t *mask)
{
	umask(*mask);
}

int rootfs_assemble_outside(const struct plan_rootfs *plan,
			    const struct rootfs_sources *sources, struct rootfs_owners *owners,
			    int *ret_tree, struct error *err)
{
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	_cleanup_(restore_umask) __attribute__((unused)) mode_t mask = umask(0);
	_cleanup_fd_ int at = -1, tree = -1;
	int r;

	*ret_tree = -1;
	tree = assembly_clone_root(plan, &at, err);
	if (tree < 0)
		return tree;
	assembly.root = tree;
	assembly.owners = owners;
	r = assembly_perform(&assembly, plan->ops, 0, plan->n_outside, err);
	if (r == -EINVAL && assembly.index == 0) {
		/* The probe did not try this very thing. Nothing is mounted yet; if the cause is another
		 * one, the container's side will find it again. */
		trace_debug("nothing can be mounted on a detached tree: %s", err->text);
		error_ignore(err, "the container's side assembles the root");
		return 0;
	}
	if (r < 0)
		return r;
	*ret_tree = steal_fd(&tree);
	return 0;
}

int rootfs_prepare_to_take(const struct plan_rootfs *plan, struct error *err)
{
	return assembly_part_from_host(plan, err);
}

/* The tree goes over root.path, as the attached one: pivot_root(2) only asks that it hangs somewhere. */
int rootfs_take(const struct plan_rootfs *plan, const struct rootfs_sources *sources,
		int take_tree, struct error *err)
{
	struct assembly assembly = ASSEMBLY_INIT(plan, sources);
	_cleanup_fd_ int tree = take_tree, at = -1;
	int r;

	at = assembly_open_root(plan, err);
	if (at < 0)
		return at;
	r = mountfd_attach(tree, at);
	if (r < 0)
		return op_failed(err, -r, "attach the root at \"%s\"", plan->path);
	assembly.root = tree;
	assembly.cgroup_attached = plan_binds_cgroup_outside(plan);
	r = assembly_perform(&assembly, plan->ops, plan->n_outside, plan->n_ops, err);
	return r < 0 ? r : steal_fd(&tree);
}
