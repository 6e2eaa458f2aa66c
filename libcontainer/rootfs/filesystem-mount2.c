/* compat: below Linux 6.7. New file systems by mount(2), for what the new calls can't say: i_version, an
 * option of more than 255 bytes (the lowerdir of an overlay, where "lowerdir+" is missing), a kernel or
 * an emulation of one without fsopen(2). The data of mount(2) is one page, so the layers of an overlay
 * are named by their descriptors when their paths don't fit. The target is a descriptor here, too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "rootfs/attributes.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

#ifndef MS_I_VERSION
#define MS_I_VERSION (1 << 23)
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif
#define LEGACY_NOSYMFOLLOW 256 /* MS_NOSYMFOLLOW: Linux 5.10 */
#define LEGACY_DATA_MAX 4096 /* mount(2) reads at most one page */
#define LAYERS_MAX 500 /* OVL_MAX_STACK */

static unsigned long legacy_flags(const struct plan_attributes *attributes)
{
	static const struct {
		uint64_t attribute;
		unsigned long flag;
	} map[] = {
		{ TARE_MOUNT_ATTR_RDONLY, MS_RDONLY },
		{ TARE_MOUNT_ATTR_NOSUID, MS_NOSUID },
		{ TARE_MOUNT_ATTR_NODEV, MS_NODEV },
		{ TARE_MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		{ TARE_MOUNT_ATTR_NOATIME, MS_NOATIME },
		{ TARE_MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
		{ TARE_MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
		{ TARE_MOUNT_ATTR_NOSYMFOLLOW, LEGACY_NOSYMFOLLOW },
	};
	unsigned long flags = 0;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(map); i++)
		if (attributes->set & map[i].attribute)
			flags |= map[i].flag;
	return flags;
}

/* The options of every file system, which are flags of mount(2); its data must not name them. */
static const struct table_entry legacy_words[] = {
	{ "sync", MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC },
	{ "lazytime", MS_LAZYTIME },
	{ "mand", MS_MANDLOCK },
	{ "async", 0 },
	{ "nolazytime", 0 },
	{ "nomand", 0 },
};

/* The lower layers of an overlay as short names, so that any number of them fits into a page. */
struct short_layers {
	size_t n;
	int fds[LAYERS_MAX];
	char text[LEGACY_DATA_MAX];
};

static void layers_close(struct short_layers *layers)
{
	while (layers->n > 0)
		close(layers->fds[--layers->n]);
}

/* Opens the layer whose name is at *@at in a lowerdir string, escapes undone, and moves *@at on. */
static int open_layer(const char **at, struct error *err)
{
	char path[PATH_MAX];
	const char *text = *at;
	size_t n = 0;
	int fd;

	for (; *text && *text != ':'; text++) {
		if (*text == '\\' && text[1])
			text++;
		if (n + 1 >= sizeof path)
			return op_failed(err, ENAMETOOLONG, "open a layer of the overlay");
		path[n++] = *text;
	}
	path[n] = '\0';
	*at = text + (*text == ':');
	fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return op_failed(err, errno, "open the overlay's layer \"%s\"", path);
	return fd;
}

/* Replaces a lowerdir that is too long for mount(2) by the names of its layers' descriptors. */
static int shorten_layers(const struct plan_op *op, struct short_layers *layers,
			  struct error *err)
{
	const char *at = NULL;
	size_t i, length = 0;
	int fd, n;

	for (i = 0; i < op->n_fs_options; i++)
		if (strcmp(op->fs_options[i].key, "lowerdir") == 0)
			at = op->fs_options[i].value;
	if (!at || strlen(at) < LEGACY_DATA_MAX / 2)
		return 0;
	if (strstr(at, "::"))
		return error_set(err, E2BIG, "this kernel can't mount that many data layers");
	while (*at) {
		if (layers->n == LAYERS_MAX)
			return error_set(err, E2BIG, "an overlay has at most %d layers",
					 LAYERS_MAX);
		fd = open_layer(&at, err);
		if (fd < 0)
			return fd;
		layers->fds[layers->n++] = fd;
		n = snprintf(layers->text + length, sizeof layers->text - length,
			     "%s/proc/self/fd/%d", length ? ":" : "", fd);
		if (n < 0 || (size_t)n >= sizeof layers->text - length)
			return error_set(err, E2BIG,
					 "the layers are too many for mount(2): this "
					 "takes Linux 6.7");
		length += (size_t)n;
	}
	return 0;
}

/* One more option in the page of mount(2). @value: NULL for a word alone. */
static int add_data(char *data, const char *key, const char *value, const char *quote,
		    struct error *err)
{
	size_t length = strlen(data);
	int n;

	n = snprintf(data + length, LEGACY_DATA_MAX - length, "%s%s%s%s%s%s", length ? "," : "",
		     key, value ? "=" : "", quote, value ? value : "", quote);
	if (n < 0 || (size_t)n >= LEGACY_DATA_MAX - length)
		return error_set(err, E2BIG, "the options are too long for mount(2)");
	return 0;
}

/* Joins the options by commas for mount(2), or adds their flags. */
static int legacy_data(const struct assembly *assembly, const struct plan_op *op,
		       const struct short_layers *layers, char *data, unsigned long *flags,
		       struct error *err)
{
	const struct table_entry *word;
	const char *value;
	size_t i;
	int r = 0;

	data[0] = '\0';
	for (i = 0; r == 0 && i < op->n_fs_options; i++) {
		const char *key = op->fs_options[i].key;

		value = op->fs_options[i].value;
		word = table_find(legacy_words, ELEMENTS_OF(legacy_words), key);
		if (word && !value) {
			*flags |= word->value;
			continue;
		}
		if (layers->n && strcmp(key, "lowerdir") == 0)
			value = layers->text;
		r = add_data(data, key, value, "", err);
	}
	if (r == 0 && filesystem_takes_label(assembly, op)) /* its commas need quotes */
		r = add_data(data, assembly->plan->mount_context_type,
			     assembly->plan->mount_label, "\"", err);
	return r;
}

/* mount(2) on the target's descriptor, named through a procfs that was verified. The mount is then
 * opened by the name of the target, below the root: its descriptor is what mount(2) doesn't give. */
int filesystem_mount2(const struct assembly *assembly, const struct plan_op *op, int target,
		      struct error *err)
{
	unsigned long flags = legacy_flags(&op->attributes);
	_cleanup_fd_ int proc = -1, mount_fd = -1;
	struct plan_attributes rest = op->attributes;
	_cleanup_(layers_close) struct short_layers layers = { .n = 0 };
	char data[LEGACY_DATA_MAX], path[64];
	int r;

	if (op->n_layers || op->copy_up || op->idmap.kind == PLAN_IDMAP_OWN ||
	    assembly->attached)
		return error_set(err, ENOTSUP,
				 "mount(2), which has to be used for \"%s\" here, "
				 "can't do that",
				 op->type);
	r = shorten_layers(op, &layers, err);
	if (r == 0)
		r = legacy_data(assembly, op, &layers, data, &flags, err);
	if (r < 0)
		return r;
	proc = procfs_open(err);
	if (proc < 0)
		return proc;
	if (op->iversion)
		flags |= MS_I_VERSION;
	snprintf(path, sizeof path, "/proc/self/fd/%d", target);
	if (mount(op->source ? op->source : op->type, path, op->type, flags, data) < 0)
		return op_failed(err, errno, "mount file system type \"%s\"", op->type);
	mount_fd = target_lookup(assembly->root, op->target, 0);
	if (mount_fd < 0)
		return op_failed(err, -mount_fd, "open the new mount");
	rest.set = rest.clear = 0;
	return attributes_apply(mount_fd, &rest, 0, err);
}
