/* A root made of layers: an overlay whose upper layer is the caller's, or one on a tmpfs of its own, which
 * vanishes with the last mount of it. Outside, everything stays detached; in the container's side the
 * tmpfs and the overlay are attached over root.path, one on the other, because before Linux 6.15 an overlay
 * takes no layer from a detached mount (clone_private_mount() in fs/namespace.c). Layers are handed over by
 * descriptor (overlay.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "rootfs/operation.h"

/* mount(2) copies one page of options. */
#define OPTIONS_MAX 4096
/* The kernel's limit (OVL_MAX_STACK), with the writable ones. */
#define LAYERS_MAX 502

struct layer_root {
	const struct plan_rootfs *plan;
	int place; /* or -1 */
	int volatile_mount; /* the tmpfs below the ephemeral layer, or -1 */
	struct arena *arena;
	size_t n;
	struct plan_layer *layers;
	/* The layers were opened before anything is attached over root.path, below which they may lie; from
	 * then on they are named by descriptor. */
	size_t n_fds;
	int fds[LAYERS_MAX];
};

static void layer_root_release(struct layer_root *root)
{
	while (root->n_fds > 0)
		cleanup_fd(&root->fds[--root->n_fds]);
	cleanup_fd(&root->volatile_mount);
	arena_free(root->arena);
}

/* Opens @path and adds it to the layers. */
static int add_layer(struct layer_root *root, enum plan_layer_kind kind, const char *path,
		     struct error *err)
{
	int fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *name;

	if (fd < 0)
		return op_failed(err, errno, "open the layer \"%s\"", path);
	root->fds[root->n_fds++] = fd;
	name = arena_printf(root->arena, "/proc/self/fd/%d", fd);
	if (!name)
		return error_oom(err);
	root->layers[root->n++] = (struct plan_layer){ kind, name };
	return 0;
}

static bool has_upper(const struct plan_rootfs *plan)
{
	size_t i;

	for (i = 0; i < plan->n_layers; i++)
		if (plan->layers[i].kind == PLAN_LAYER_UPPER)
			return true;
	return false;
}

/* The root directory of an overlay is that of its upper layer: an empty one gets the owner and the mode of the
 * layer below. */
static int look_like(int directory, int layer, struct error *err)
{
	struct stat st;

	if (fstat(layer, &st) < 0)
		return op_failed(err, errno, "examine the top layer");
	if (fchownat(directory, "upper", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		trace_debug(
			"the top layer's owner is not mapped: the root directory is root's");
	if (fchmodat(directory, "upper", st.st_mode & 07777, 0) < 0)
		return op_failed(err, errno, "set the mode of the ephemeral layer");
	return 0;
}

static int make_tmpfs(struct layer_root *root, struct error *err)
{
	_cleanup_fd_ int context = -1, mount_fd = -1;
	int r;

	context = mountfd_fsopen("tmpfs");
	if (context < 0)
		return op_failed(err, -context, "open file system type \"tmpfs\"");
	r = mountfd_set_string(context, "mode", "0755");
	if (r >= 0)
		r = mountfd_create(context);
	if (r >= 0)
		r = mount_fd = mountfd_fsmount(context, 0);
	if (r >= 0 && root->place >= 0)
		r = mountfd_attach(mount_fd, root->place);
	if (r < 0)
		return op_failed(err, -r, "make the tmpfs of the ephemeral layer");
	root->volatile_mount = steal_fd(&mount_fd);
	return 0;
}

/* The upper layer that nobody has named. */
static int add_ephemeral(struct layer_root *root, struct error *err)
{
	static const struct {
		enum plan_layer_kind kind;
		const char *name;
	} directories[] = { { PLAN_LAYER_UPPER, "upper" }, { PLAN_LAYER_WORK, "work" } };
	const char *path;
	size_t i;
	int r;

	r = make_tmpfs(root, err);
	if (r < 0)
		return r;
	for (i = 0; i < ELEMENTS_OF(directories); i++) {
		if (mkdirat(root->volatile_mount, directories[i].name, 0755) < 0)
			return op_failed(err, errno, "make the ephemeral layer");
		path = arena_printf(root->arena, "/proc/self/fd/%d/%s", root->volatile_mount,
				    directories[i].name);
		if (!path)
			return error_oom(err);
		r = add_layer(root, directories[i].kind, path, err);
		if (r < 0)
			return r;
	}
	return look_like(root->volatile_mount, root->fds[0], err);
}

/* A writable layer of the caller's is there; the directory for overlay's own use is made. */
static int make_work(const struct plan_rootfs *plan, struct error *err)
{
	size_t i;

	for (i = 0; i < plan->n_layers; i++)
		if (plan->layers[i].kind == PLAN_LAYER_WORK &&
		    mkdir(plan->layers[i].path, 0700) < 0 && errno != EEXIST)
			return op_failed(err, errno, "make the overlay's work directory \"%s\"",
					 plan->layers[i].path);
	return 0;
}

/* Adds one layer to mount(2)'s options, by the name of the descriptor @fd. @first: of its key. */
static int add_by_name(char options[OPTIONS_MAX], const char *key, bool first, int fd)
{
	size_t length = strlen(options);
	int n;

	if (first)
		n = snprintf(options + length, OPTIONS_MAX - length, "%s%s=/proc/self/fd/%d",
			     length ? "," : "", key, fd);
	else
		n = snprintf(options + length, OPTIONS_MAX - length, ":/proc/self/fd/%d", fd);
	return n < 0 || (size_t)n >= OPTIONS_MAX - length ? -E2BIG : 0;
}

static int name_layers(const struct layer_root *root, char options[OPTIONS_MAX],
		       struct error *err)
{
	static const char *const keys[] = {
		[PLAN_LAYER_LOWER] = "lowerdir",
		[PLAN_LAYER_DATA] = "datadir",
		[PLAN_LAYER_UPPER] = "upperdir",
		[PLAN_LAYER_WORK] = "workdir",
	};
	enum plan_layer_kind before = PLAN_LAYER_WORK;
	size_t i;

	snprintf(options, OPTIONS_MAX, "%s", root->plan->layers_userxattr ? "userxattr" : "");
	for (i = 0; i < root->n; before = root->layers[i++].kind) {
		if (root->layers[i].kind == PLAN_LAYER_DATA)
			return error_set(err, ENOTSUP, "layers of data alone take Linux 6.7");
		if (add_by_name(options, keys[root->layers[i].kind],
				i == 0 || root->layers[i].kind != before, root->fds[i]) < 0)
			return error_set(err, E2BIG,
					 "%zu layers are too many for mount(2); more take "
					 "Linux 6.7",
					 root->n);
	}
	return 0;
}

/* compat: below Linux 6.7. All layers in one page of options. Returns the attached mount. */
static int mount_by_name(const struct layer_root *root, struct error *err)
{
	char options[OPTIONS_MAX], target[64];
	int r;

	r = name_layers(root, options, err);
	if (r < 0)
		return r;
	snprintf(target, sizeof target, "/proc/self/fd/%d", root->place);
	if (mount("overlay", target, "overlay", 0, options) < 0)
		return op_failed(err, errno, "mount the overlay");
	/* root.path now leads to what was mounted there last */
	return assembly_open_root(root->plan, err);
}

static int make_overlay(const struct layer_root *root, struct error *err)
{
	static const struct plan_fs_option userxattr = { "userxattr", NULL };
	const struct assembly assembly = ASSEMBLY_INIT(root->plan, NULL);
	const struct plan_op op = {
		.kind = PLAN_OP_MOUNT,
		.type = "overlay",
		.source = "overlay",
		.n_fs_options = root->plan->layers_userxattr ? 1 : 0,
		.fs_options = &userxattr,
		.opened = -1,
		.n_layers = root->n,
		.layers = root->layers,
		.layers_by_path = root->plan->layers_by_path,
	};
	_cleanup_fd_ int overlay = -1;
	int r;

	overlay = filesystem_make(&assembly, &op, -1, 0, err);
	if (overlay == -EOPNOTSUPP || overlay == -ENOSYS)
		return err->code
			       ? overlay
			       : op_failed(err, -overlay, "open file system type \"overlay\"");
	if (overlay < 0)
		return overlay;
	if (root->place >= 0) {
		r = mountfd_attach(overlay, root->place);
		if (r < 0)
			return op_failed(err, -r, "attach the root at \"%s\"",
					 root->plan->path);
	}
	return steal_fd(&overlay);
}

int layers_make_root(const struct plan_rootfs *plan, int place, struct error *err)
{
	_cleanup_(layer_root_release) struct layer_root root = {
		.plan = plan,
		.place = place,
		.volatile_mount = -1,
		.arena = arena_new(),
	};
	size_t i;
	int r;

	if (plan->n_layers + 2 > LAYERS_MAX)
		return error_set(err, E2BIG, "the root: an overlay has at most %d layers",
				 LAYERS_MAX - 2);
	root.layers = root.arena
			      ? arena_array(root.arena, plan->n_layers + 2, sizeof *root.layers)
			      : NULL;
	if (!root.layers)
		return error_oom(err);
	r = make_work(plan, err);
	for (i = 0; r >= 0 && i < plan->n_layers; i++)
		r = add_layer(&root, plan->layers[i].kind, plan->layers[i].path, err);
	if (r >= 0 && !has_upper(plan))
		r = add_ephemeral(&root, err);
	if (r >= 0)
		r = plan->layers_by_name ? mount_by_name(&root, err) : make_overlay(&root, err);
	return r < 0 ? error_at(err, "the root of layers") : r;
}
