/* What is done to the finished tree: masks, read-only paths, seals. A masked file is covered by our own
 * clone of /dev/null, never by a node of the container (CVE-2025-31133); a masked directory by an empty
 * read-only tmpfs. The first of each is attached and later ones are clones of that one, because below
 * Linux 6.15 a mount that is attached nowhere can't be cloned. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/attributes.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

/* The mount operation that the path lies below: the last one, which covers those before it. */
static const struct plan_op *mount_above(const struct plan_rootfs *plan, const char *path)
{
	const struct plan_op *op;
	size_t i, length;

	for (i = plan->n_ops; i > 0; i--) {
		op = &plan->ops[i - 1];
		length = strlen(op->target);
		if (strncmp(path, op->target, length) == 0 && path[length] == '/')
			return op;
	}
	return NULL;
}

/* Opens the mount at @above, for all the paths below it that follow. */
static int open_above(struct assembly *assembly, const struct plan_op *above, struct error *err)
{
	_cleanup_fd_ int mount = -1;
	struct statfs fs;

	mount = mountfd_openat2(assembly->root, above->target, O_PATH | O_DIRECTORY, 0,
				TARE_RESOLVE_IN_ROOT | TARE_RESOLVE_NO_SYMLINKS);
	if (mount < 0)
		return op_failed(err, -mount, "open \"%s\" again", above->target);
	if (fstatfs(mount, &fs) < 0)
		return op_failed(err, errno, "examine \"%s\"", above->target);
	if (fs.f_type != TARE_PROC_SUPER_MAGIC && fs.f_type != TARE_SYSFS_MAGIC)
		return error_set(err, ESTALE, "\"%s\" is no longer what was mounted there",
				 above->target);
	cleanup_fd(&assembly->above_fd);
	assembly->above_fd = steal_fd(&mount);
	assembly->above = above;
	return 0;
}

/* Opens what a mask or read-only path is for. Below proc and sysfs it is looked up in that mount: were the
 * directory that carries it renamed and another put in its place, the path would be missing, and what it
 * has to hide would show under the new name. */
static int open_place(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	const struct plan_op *above = mount_above(assembly->plan, op->target);
	int r;

	if (!above || above->kind != PLAN_OP_MOUNT || !above->no_follow_target)
		return target_lookup(assembly->root, op->target, 0);
	if (assembly->above != above) {
		r = open_above(assembly, above, err);
		if (r < 0)
			return r;
	}
	return target_lookup(assembly->above_fd, op->target + strlen(above->target), 0);
}

/* A path that is not there needs no mask. */
static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

static int make_empty_directory(struct error *err)
{
	_cleanup_fd_ int context = -1;
	int r;

	context = mountfd_fsopen("tmpfs");
	if (context < 0)
		return op_failed(err, -context, "open file system type \"tmpfs\"");
	r = mountfd_set_string(context, "mode", "0755");
	if (r == 0)
		r = mountfd_set_flag(context, "ro");
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

static int attach(int mount, int at, struct error *err)
{
	int r = mountfd_attach(mount, at);

	return r < 0 ? op_failed(err, -r, "attach the mask") : 0;
}

/* Attaches a clone of @mask, which is attached somewhere already. */
static int attach_clone(int mask, int at, struct error *err)
{
	_cleanup_fd_ int clone = -1;

	clone = mountfd_open_tree(mask, "", TARE_OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (clone < 0)
		return op_failed(err, -clone, "clone the mask");
	return attach(clone, at, err);
}

static int mask_file(struct assembly *assembly, int at, struct error *err)
{
	int mask = assembly->sources->null_device, r;

	if (assembly->null_mask >= 0)
		return attach_clone(assembly->null_mask, at, err);
	if (mask < 0)
		mask = assembly->owned_null = source_open_null(err);
	if (mask < 0)
		return mask;
	r = attach(mask, at, err);
	if (r == 0)
		assembly->null_mask = mask;
	return r;
}

static int mask_directory(struct assembly *assembly, int at, struct error *err)
{
	if (assembly->directory_mask >= 0)
		return attach_clone(assembly->directory_mask, at, err);
	assembly->directory_mask = make_empty_directory(err);
	if (assembly->directory_mask < 0)
		return assembly->directory_mask;
	return attach(assembly->directory_mask, at, err);
}

int masked_path_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	_cleanup_fd_ int at = -1;
	mode_t mode;
	int r;

	at = open_place(assembly, op, err);
	if (is_missing(at) && err->code == 0)
		return 0;
	if (at < 0 && err->code == 0)
		return op_failed(err, -at, "open it below the root");
	if (at < 0)
		return at;
	r = target_examine(assembly->root, at, &mode, err);
	if (r < 0)
		return r;
	if (r > 0)
		return op_failed(err, EBUSY,
				 "it is the root itself, a mask over it is not seen");
	return S_ISDIR(mode) ? mask_directory(assembly, at, err) : mask_file(assembly, at, err);
}

int readonly_path_perform(struct assembly *assembly, const struct plan_op *op,
			  struct error *err)
{
	_cleanup_fd_ int at = -1, clone = -1;
	mode_t mode;
	int r;

	at = open_place(assembly, op, err);
	if (is_missing(at) && err->code == 0)
		return 0;
	if (at < 0 && err->code == 0)
		return op_failed(err, -at, "open it below the root");
	if (at < 0)
		return at;
	r = target_examine(assembly->root, at, &mode, err);
	if (r < 0)
		return r;
	if (r > 0)
		return root_readonly_perform(assembly, op, err);
	clone = mountfd_open_tree(at, "",
				  TARE_OPEN_TREE_CLONE | TARE_AT_RECURSIVE | AT_EMPTY_PATH);
	if (clone < 0)
		return op_failed(err, -clone, "clone it");
	r = mountfd_setattr(clone, 1, TARE_MOUNT_ATTR_RDONLY, 0, 0, -1);
	if (r < 0)
		return op_failed(err, -r, "make the clone read-only");
	r = mountfd_attach(clone, at);
	if (r < 0)
		return op_failed(err, -r, "attach the read-only clone");
	return 0;
}

int seal_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	_cleanup_fd_ int mount = -1;

	mount = target_lookup(assembly->root, op->target, 0);
	if (mount < 0)
		return op_failed(err, -mount, "open the mount");
	return attributes_apply(mount, &op->attributes, 0, err);
}

int root_readonly_perform(struct assembly *assembly, const struct plan_op *op,
			  struct error *err)
{
	int r;

	(void)op;
	r = mountfd_setattr(assembly->root, 0, TARE_MOUNT_ATTR_RDONLY, 0, 0, -1);
	if (r < 0)
		return op_failed(err, -r, "change the mount's flags");
	return 0;
}
