/* Mounts into a container that runs already. Its processes work in the tree meanwhile, so nothing may depend on a
 * path that was looked at before: a tmpfs is read-only from its birth, and what changes mounts that are there
 * (remount) or copies from the tree (tmpcopyup) is refused. A procfs has to be told which pid namespace it
 * shows, since whoever mounts it is in none that the container can see. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "kernel/uapi.h"
#include "plan/root.h"

/* Those whose source is a name and nothing else. What looks its source or an option up as a path would find what the
 * container has there: a device node of its own making, for one, opened with the caller's rights. */
static bool looks_nothing_up(const char *type)
{
	static const char *const types[] = { "tmpfs", "proc", "sysfs", "mqueue", "devpts" };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static int check(const struct plan_mounts_request *request, const struct plan_op *op,
		 struct error *err)
{
	if (op->kind == PLAN_OP_REMOUNT)
		return error_set(err, ENOTSUP,
				 "option remount: what is mounted in a running container is "
				 "not changed");
	if (op->copy_up)
		return error_set(err, ENOTSUP,
				 "option tmpcopyup: nothing is copied out of a running "
				 "container");
	if (op->iversion)
		return error_set(err, ENOTSUP, "option iversion: not for a running container");
	if (op->kind == PLAN_OP_MOUNT && !looks_nothing_up(op->type))
		return error_set(
			err, ENOTSUP,
			"type %s: its source would be looked up in the container: mount it "
			"on the host, and bind it",
			op->type);
	if (op->kind == PLAN_OP_MOUNT && strcmp(op->type, "proc") == 0 &&
	    (request->namespaces & CLONE_NEWPID) && !request->caps->pidns_option)
		return error_set(err, ENOTSUP,
				 "type proc: to show the container's processes this takes "
				 "Linux 6.17");
	return 0;
}

int plan_added_mounts(const struct plan_mounts_request *request, struct arena *arena,
		      const struct plan_rootfs **ret_rootfs, struct error *err)
{
	static const struct spec_linux no_linux;
	const struct plan_options options = { .bundle = request->bundle };
	const struct spec spec = {
		.n_mounts = request->list->n_mounts,
		.mounts = request->list->mounts,
	};
	struct plan plan = { .caps = request->caps };
	const struct plan_builder b = {
		.spec = &spec,
		.lin = &no_linux,
		.caps = request->caps,
		.options = &options,
		.arena = arena,
		.plan = &plan,
	};
	struct plan_root_builder root = { .b = &b };
	struct plan_rootfs *rootfs = arena_alloc(arena, sizeof *rootfs);
	size_t i;
	int r;

	if (!rootfs)
		return error_oom(err);
	plan.namespaces.in_userns = (request->namespaces & CLONE_NEWUSER) != 0;
	plan.namespaces.of[SPEC_NAMESPACE_CGROUP].mode = request->namespaces & CLONE_NEWCGROUP
								 ? PLAN_NS_NEW
								 : PLAN_NS_INHERIT;
	r = plan_mounts(&root, err);
	if (r < 0)
		return r;
	for (i = 0; i < root.n_ops; i++) {
		r = check(request, &root.ops[i], err);
		if (r < 0)
			return error_at(err, "%s", root.ops[i].where);
	}
	for (i = 0; i < root.n_seals; i++)
		root.ops[root.seals[i].mount].attributes.set |= TARE_MOUNT_ATTR_RDONLY;
	*rootfs = (struct plan_rootfs){
		.path = "/",
		.mount_ns = PLAN_NS_JOIN,
		.host_propagation = MS_SLAVE,
		.in_userns = plan.namespaces.in_userns,
		.mount_context_type = "context",
		.n_ops = root.n_ops,
		.ops = root.ops,
		.n_opened = root.n_opened,
	};
	*ret_rootfs = rootfs;
	return 0;
}
