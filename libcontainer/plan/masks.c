/* The finish of the root: what takes away. It comes after the hooks, which may still mount and write,
 * and in an order in which nothing is undone: first whole mounts become read-only, then single paths,
 * and what is masked last stays masked. */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "kernel/uapi.h"
#include "plan/root.h"

/* Whether a later mount hides the sealed one, so that its path leads elsewhere, or "remount,rw" took the
 * wish back. */
static bool is_obsolete(const struct plan_root_builder *root, const struct plan_seal *seal)
{
	const struct plan_op *op;
	size_t i;

	for (i = seal->mount + 1; i < root->n_ops; i++) {
		op = &root->ops[i];
		switch (op->kind) {
		case PLAN_OP_MOUNT:
		case PLAN_OP_BIND:
		case PLAN_OP_CGROUP:
			if (plan_path_within(seal->op.target, op->target))
				return true;
			break;
		case PLAN_OP_REMOUNT:
			if (strcmp(seal->op.target, op->target) == 0 &&
			    (op->attributes.clear & TARE_MOUNT_ATTR_RDONLY))
				return true;
			break;
		default:
			break;
		}
	}
	return false;
}

static int add_path(struct plan_root_builder *root, enum plan_op_kind kind, const char *name,
		    size_t index, struct error *err)
{
	const struct plan_builder *b = root->b;
	bool masked = kind == PLAN_OP_MASKED_PATH;
	const char *path = masked ? b->lin->masked_paths[index] : b->lin->readonly_paths[index];
	struct plan_op op = {
		.kind = kind,
		.where = arena_printf(b->arena, "linux.%s[%zu] (%s)", name, index, path),
		.target = path_clean(b->arena, path),
		.opened = -1,
	};

	if (!op.where || !op.target)
		return error_oom(err);
	if (!masked)
		op.attributes.set = TARE_MOUNT_ATTR_RDONLY;
	return plan_add_finish(root, &op, err);
}

int plan_masks(struct plan_root_builder *root, struct error *err)
{
	const struct plan_op readonly = {
		.kind = PLAN_OP_ROOT_READONLY,
		.where = "root.readonly",
		.target = "/",
		.opened = -1,
		.attributes.set = TARE_MOUNT_ATTR_RDONLY,
	};
	const struct spec_linux *lin = root->b->lin;
	size_t i;
	int r = 0;

	if (root->b->spec->root->readonly)
		r = plan_add_finish(root, &readonly, err);
	for (i = 0; i < root->n_seals && r >= 0; i++)
		if (!is_obsolete(root, &root->seals[i]))
			r = plan_add_finish(root, &root->seals[i].op, err);
	for (i = 0; i < lin->n_readonly_paths && r >= 0; i++)
		r = add_path(root, PLAN_OP_READONLY_PATH, "readonlyPaths", i, err);
	for (i = 0; i < lin->n_masked_paths && r >= 0; i++)
		r = add_path(root, PLAN_OP_MASKED_PATH, "maskedPaths", i, err);
	return r;
}
