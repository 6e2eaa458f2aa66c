/* Devices, links and the console of the container. mknod of a device needs CAP_MKNOD in the initial user
 * namespace, so everywhere else the host's node of the same path is bound. A /dev that is a bind mount
 * belongs to whoever made it: nothing is made in it (as runc does). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "plan/root.h"

static const struct spec_device default_devices[] = {
	{ S_IFCHR, "/dev/null", 1, 3 },	   { S_IFCHR, "/dev/zero", 1, 5 },
	{ S_IFCHR, "/dev/full", 1, 7 },	   { S_IFCHR, "/dev/random", 1, 8 },
	{ S_IFCHR, "/dev/urandom", 1, 9 }, { S_IFCHR, "/dev/tty", 5, 0 },
};

static const struct {
	const char *target, *contents;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/core", "/proc/kcore" },
};

/* Whether the topmost mount at exactly /dev is a bind mount. */
static bool dev_is_bound(const struct plan_root_builder *root)
{
	bool bound = false;
	size_t i;

	for (i = 0; i < root->n_ops; i++)
		if (strcmp(root->ops[i].target, "/dev") == 0 &&
		    root->ops[i].kind != PLAN_OP_REMOUNT)
			bound = root->ops[i].kind == PLAN_OP_BIND;
	return bound;
}

static int add_device(struct plan_root_builder *root, const struct spec_device *device,
		      const char *where, struct error *err)
{
	const struct plan_builder *b = root->b;
	bool privileged = b->options->initial_userns && !b->plan->namespaces.in_userns;
	struct plan_op op = {
		.kind = PLAN_OP_DEVICE,
		.where = where,
		.target = path_clean(b->arena, device->path),
		.opened = -1,
		.device = {
			.type = device->type,
			.major = device->major,
			.minor = device->minor,
			.mode = device->file_mode.set ? device->file_mode.value & 07777 : 0666,
			.uid = (uint32_t)device->uid.value,
			.gid = (uint32_t)device->gid.value,
			.bind = device->type != S_IFIFO && !privileged,
		},
	};

	if (!op.target || !where)
		return error_oom(err);
	if (op.device.bind) {
		op.source = op.target;
		op.opened = (int)root->n_opened++;
	}
	return plan_add_op(root, &op, err);
}

static bool is_overridden(const struct plan_builder *b, const char *path)
{
	const char *other;
	size_t i;

	for (i = 0; i < b->lin->n_devices; i++) {
		other = path_clean(b->arena, b->lin->devices[i].path);
		if (other && strcmp(other, path) == 0)
			return true;
	}
	return false;
}

static int add_default_devices(struct plan_root_builder *root, struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < ELEMENTS_OF(default_devices); i++) {
		if (is_overridden(root->b, default_devices[i].path))
			continue;
		r = add_device(root, &default_devices[i],
			       arena_printf(root->b->arena, "default device %s",
					    default_devices[i].path),
			       err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* /dev/ptmx is the container's own, whatever a privileged engine found on the host. */
static int add_listed_devices(struct plan_root_builder *root, bool dev_bound, struct error *err)
{
	const struct plan_builder *b = root->b;
	const char *path;
	size_t i;
	int r;

	for (i = 0; i < b->lin->n_devices; i++) {
		path = path_clean(b->arena, b->lin->devices[i].path);
		if (!path)
			return error_oom(err);
		if (dev_bound ? plan_path_within(path, "/dev") : strcmp(path, "/dev/ptmx") == 0)
			continue;
		r = add_device(root, &b->lin->devices[i],
			       arena_printf(b->arena, "linux.devices[%zu] (%s)", i, path), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_links(struct plan_root_builder *root, struct error *err)
{
	const struct plan_op ptmx = {
		.kind = PLAN_OP_PTMX,
		.where = "/dev/ptmx",
		.target = "/dev/ptmx",
		.source = "pts/ptmx",
		.opened = -1,
	};
	size_t i;
	int r;

	for (i = 0; i < ELEMENTS_OF(links); i++) {
		const struct plan_op op = {
			.kind = PLAN_OP_SYMLINK,
			.where = links[i].target,
			.target = links[i].target,
			.source = links[i].contents,
			.opened = -1,
		};

		r = plan_add_op(root, &op, err);
		if (r < 0)
			return r;
	}
	return plan_add_op(root, &ptmx, err);
}

int plan_devices(struct plan_root_builder *root, struct error *err)
{
	const struct spec_process *process = root->b->spec->process;
	const struct plan_op console = {
		.kind = PLAN_OP_CONSOLE,
		.where = "process.terminal",
		.target = "/dev/console",
		.opened = -1,
	};
	bool dev_bound = dev_is_bound(root);
	int r = 0;

	if (!dev_bound)
		r = add_default_devices(root, err);
	if (r >= 0)
		r = add_listed_devices(root, dev_bound, err);
	if (r >= 0 && !dev_bound)
		r = add_links(root, err);
	if (r >= 0 && process && process->terminal)
		r = plan_add_op(root, &console, err);
	return r;
}
