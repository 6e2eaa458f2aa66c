/* The cgroup: where it is and whether it is handed to the container's user. The limits are in limits.c,
 * the device rules in device_rules.c. A process without privileges can make a cgroup only below one
 * that was delegated to it, and can never attach a device filter: bpf(2) wants CAP_SYS_ADMIN in the
 * initial user namespace. Device nodes are then out of its reach anyway. */
#include <errno.h>
#include <string.h>

#include "base/trace.h"
#include "kernel/uapi.h"
#include "plan/cgroup.h"
#include "plan/unit.h"

/* Spec 188: the container expects to manage its own cgroup. */
static bool mounts_writable_cgroup(const struct plan_builder *b)
{
	const struct plan_rootfs *rootfs = &b->plan->rootfs;
	const struct plan_op *op;
	size_t i;

	for (i = 0; i < rootfs->n_ops; i++) {
		op = &rootfs->ops[i];
		if (op->kind == PLAN_OP_CGROUP && strcmp(op->target, "/sys/fs/cgroup") == 0 &&
		    !(op->attributes.set & TARE_MOUNT_ATTR_RDONLY))
			return true;
	}
	return false;
}

/* Spec 185 to 188: the cgroup goes to the host's id of process.user, if the container has a cgroup
 * namespace of its own. The caller's own root keeps what it has anyway. */
static void delegation(const struct plan_builder *b, struct plan_cgroup *cgroup)
{
	const struct plan_namespaces *ns = &b->plan->namespaces;
	uint32_t uid, gid;

	/* who is not root, of some user namespace, can't give it away */
	if (b->options->euid != 0 || !b->spec->process ||
	    ns->of[SPEC_NAMESPACE_CGROUP].mode != PLAN_NS_NEW || !mounts_writable_cgroup(b))
		return;
	uid = b->spec->process->user.uid;
	gid = b->spec->process->user.gid;
	/* a joined user namespace whose map config.json does not tell: unknown, so not done */
	if (ns->in_userns &&
	    (!plan_host_id(b->lin->uid_mappings, b->lin->n_uid_mappings, uid, &uid) ||
	     !plan_host_id(b->lin->gid_mappings, b->lin->n_gid_mappings, gid, &gid)))
		return;
	cgroup->delegate = uid != 0;
	cgroup->owner_uid = cgroup->delegate ? uid : 0;
	cgroup->owner_gid = cgroup->delegate ? gid : 0;
}

int plan_cgroup(const struct plan_builder *b, struct error *err)
{
	struct plan_cgroup *cgroup = &b->plan->cgroup;
	int r;

	cgroup->manager = b->options->cgroup_manager;
	cgroup->id = b->options->id;
	cgroup->path = b->lin->cgroups_path;
	if (cgroup->path && cgroup->path[0] == '\0')
		cgroup->path = NULL;
	r = plan_limits(b, cgroup, err);
	if (r < 0)
		return r;
	if (cgroup->manager == PLAN_CGROUP_DISABLED) {
		if (cgroup->n_writes + cgroup->n_late_writes > 0)
			return error_set(err, EINVAL,
					 "linux.resources: limits need a cgroup, and the "
					 "manager \"disabled\" makes none");
		return 0;
	}
	if (b->privileged) {
		r = plan_device_rules(b->lin->resources,
				      b->spec->process && b->spec->process->terminal, b->arena,
				      cgroup, err);
		if (r < 0)
			return r;
	} else if (b->lin->resources && b->lin->resources->n_devices > 0) {
		trace_debug(
			"linux.resources.devices: a caller without privileges cannot filter "
			"devices");
	}
	if (cgroup->manager == PLAN_CGROUP_SYSTEMD) {
		r = plan_unit(b, cgroup, err);
		if (r < 0)
			return r;
	}
	cgroup->required = cgroup->n_writes + cgroup->n_late_writes > 0 || cgroup->path ||
			   (cgroup->filter_devices && !b->options->rootless);
	delegation(b, cgroup);
	return 0;
}
