/* The root file system as a list of operations: the mounts of config.json in its order, then what tare
 * adds (devices, links, the console), and what may only come after the hooks, because hooks may still
 * mount something: seals, the read-only root, read-only and masked paths. */
#include "plan/root.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/path.h"

bool plan_path_within(const char *path, const char *above)
{
	size_t length = strlen(above);

	if (strcmp(above, "/") == 0)
		return true;
	return strncmp(path, above, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

static int append(struct arena *arena, struct plan_op **ops, size_t *n,
		  const struct plan_op *op, struct error *err)
{
	struct plan_op *grown = arena_grow(arena, *ops, *n, sizeof *grown);

	if (!grown)
		return error_oom(err);
	*ops = grown;
	grown[(*n)++] = *op;
	return 0;
}

int plan_add_op(struct plan_root_builder *root, const struct plan_op *op, struct error *err)
{
	return append(root->b->arena, &root->ops, &root->n_ops, op, err);
}

int plan_add_finish(struct plan_root_builder *root, const struct plan_op *op, struct error *err)
{
	return append(root->b->arena, &root->finish, &root->n_finish, op, err);
}

static void propagation(const struct plan_builder *b, struct plan_rootfs *rootfs)
{
	unsigned long asked = b->lin->rootfs_propagation;

	rootfs->root_propagation = asked & ~(unsigned long)MS_REC;
	rootfs->root_propagation_recursive = (asked & MS_REC) != 0;
	rootfs->host_propagation = rootfs->root_propagation ? rootfs->root_propagation
							    : MS_SLAVE;
}

int plan_rootfs(const struct plan_builder *b, struct error *err)
{
	struct plan_rootfs *rootfs = &b->plan->rootfs;
	struct plan_root_builder root = { .b = b };
	const struct spec_hooks *hooks = b->spec->hooks;
	int r = 0;

	rootfs->path = path_join(b->arena, b->options->bundle, b->spec->root->path);
	if (!rootfs->path)
		return error_oom(err);
	rootfs->readonly = b->spec->root->readonly;
	rootfs->mount_ns = b->plan->namespaces.of[SPEC_NAMESPACE_MOUNT].mode;
	rootfs->no_pivot = b->options->no_pivot;
	rootfs->hooks_see_host_tree = hooks && (hooks->n_prestart || hooks->n_create_runtime ||
						hooks->n_create_container);
	rootfs->in_userns = b->plan->namespaces.in_userns;
	rootfs->mount_label = b->lin->mount_label;
	propagation(b, rootfs);
	r = plan_layers(b, err);
	if (r < 0)
		return r;
	/* in a mount namespace that is not the container's own nothing is mounted or made:
	 * it would change the host's tree, or another container's */
	if (rootfs->mount_ns == PLAN_NS_NEW) {
		r = plan_mounts(&root, err);
		if (r >= 0)
			r = plan_notify_mount(&root, err);
		if (r >= 0)
			r = plan_devices(&root, err);
		if (r >= 0)
			r = plan_masks(&root, err);
	}
	rootfs->n_ops = root.n_ops;
	rootfs->ops = root.ops;
	rootfs->n_finish = root.n_finish;
	rootfs->finish = root.finish;
	rootfs->n_opened = root.n_opened;
	plan_place(b);
	return r;
}
