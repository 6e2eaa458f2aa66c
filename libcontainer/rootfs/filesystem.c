/* New file systems: fsopen, fsconfig, fsmount, and the finished mount is moved onto its target by
 * descriptor. A superblock takes the namespaces of the process that creates it, which is why this runs
 * in the container's side. mount(2) is left for what the new calls can't say: i_version, and a kernel
 * (or an emulation of one) that lacks them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
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

static bool is_type(const struct plan_op *op, const char *type)
{
	return op->type && strcmp(op->type, type) == 0;
}

/* An error of the context, with what the file system itself had to say about it. */
static int context_failed(int context, int code, const char *what, const char *key,
			  struct error *err)
{
	char log[512];

	mountfd_log(context, log, sizeof log);
	op_failed(err, code, "%s%s%s", what, key ? " " : "", key ? key : "");
	return log[0] ? error_hint(err, " (%s)", log) : -code;
}

static bool has_option(const struct plan_op *op, const char *key)
{
	size_t i;

	for (i = 0; i < op->n_fs_options; i++)
		if (strcmp(op->fs_options[i].key, key) == 0)
			return true;
	return false;
}

static int set_options(int context, const struct plan_op *op, struct error *err)
{
	const struct plan_fs_option *option;
	size_t i;
	int r;

	for (i = 0; i < op->n_fs_options; i++) {
		option = &op->fs_options[i];
		r = option->value ? mountfd_set_string(context, option->key, option->value)
				  : mountfd_set_flag(context, option->key);
		if (r < 0)
			return context_failed(context, -r, "set the option", option->key, err);
	}
	return 0;
}

/* linux.mountLabel: only where SELinux is active, and only on file systems that take a context. */
static int set_label(int context, const struct assembly *assembly, const struct plan_op *op,
		     struct error *err)
{
	static const char *const without[] = { "proc", "sysfs", "mqueue", "cgroup2", "cgroup" };
	struct statfs fs;
	size_t i;
	int r;

	if (!assembly->plan->mount_label || has_option(op, "context"))
		return 0;
	for (i = 0; i < ELEMENTS_OF(without); i++)
		if (is_type(op, without[i]))
			return 0;
	if (statfs("/sys/fs/selinux", &fs) < 0 || (unsigned)fs.f_type != 0xf97cff8cU)
		return 0;
	r = mountfd_set_string(context, "context", assembly->plan->mount_label);
	if (r < 0)
		return context_failed(context, -r, "set the option", "context", err);
	return 0;
}

/* A tmpfs without mode= gets the mode of the directory that it covers, as engines expect. */
static int set_mode(int context, const struct plan_op *op, int target, struct error *err)
{
	struct stat st;
	char mode[8];
	int r;

	if (!is_type(op, "tmpfs") || target < 0 || has_option(op, "mode"))
		return 0;
	if (fstat(target, &st) < 0)
		return op_failed(err, errno, "examine the target");
	snprintf(mode, sizeof mode, "%04o", st.st_mode & 07777);
	r = mountfd_set_string(context, "mode", mode);
	if (r < 0)
		return context_failed(context, -r, "set the option", "mode", err);
	return 0;
}

static int create_failed(int context, const struct assembly *assembly, const struct plan_op *op,
			 int code, struct error *err)
{
	context_failed(context, code, "create the file system of type", op->type, err);
	if (code == EPERM && assembly->plan->in_userns && is_type(op, "sysfs"))
		error_hint(err,
			   " (in a user namespace sysfs needs a new network namespace that "
			   "belongs to it)");
	if (code == EPERM && assembly->plan->in_userns && is_type(op, "proc"))
		error_hint(err, " (in a user namespace proc needs a new pid namespace, and a "
				"/proc outside that nothing is mounted over)");
	if (code == EINVAL && assembly->plan->in_userns && op->n_layers)
		error_hint(err,
			   " (a layer may have mounts below it, which a user namespace must "
			   "not uncover)");
	return -code;
}

/* Makes the file system and its detached mount.
 * @covered: the directory whose mode a tmpfs takes, or -1. @attributes: for fsmount(2).
 * Returns the mount; -EOPNOTSUPP or -ENOSYS without a text when mount(2) has to be used. */
static int make_mount(const struct assembly *assembly, const struct plan_op *op, int covered,
		      unsigned attributes, struct error *err)
{
	_cleanup_fd_ int context = -1;
	int r;

	context = mountfd_fsopen(op->type);
	if (context == -ENOSYS || context == -EOPNOTSUPP)
		return context;
	if (context == -ENODEV)
		return op_failed(err, ENODEV, "file system type \"%s\" is not known here",
				 op->type);
	if (context < 0)
		return op_failed(err, -context, "open file system type \"%s\"", op->type);
	if (op->source && op->source[0]) {
		r = mountfd_set_string(context, "source", op->source);
		if (r < 0)
			return context_failed(context, -r, "set the option", "source", err);
		/* a device that can't be written to is refused without this */
		if (op->source[0] == '/' && (attributes & TARE_MOUNT_ATTR_RDONLY))
			r = mountfd_set_flag(context, "ro");
		if (r < 0)
			return context_failed(context, -r, "set the option", "ro", err);
	}
	r = set_options(context, op, err);
	if (r == 0)
		r = set_label(context, assembly, op, err);
	if (r == 0)
		r = set_mode(context, op, covered, err);
	if (r == 0)
		r = overlay_set_layers(context, op, err);
	if (r < 0)
		return r;
	r = mountfd_create(context);
	if (r < 0)
		return create_failed(context, assembly, op, -r, err);
	r = mountfd_fsmount(context, attributes);
	if (r < 0)
		return create_failed(context, assembly, op, -r, err);
	return r;
}

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

/* Joins the options by commas for mount(2); one with a comma in it can't be said that way. */
static int legacy_data(const struct plan_op *op, char *data, unsigned long *flags,
		       struct error *err)
{
	const struct table_entry *word;
	size_t length = 0, i;
	int n;

	data[0] = '\0';
	for (i = 0; i < op->n_fs_options; i++) {
		const struct plan_fs_option *option = &op->fs_options[i];

		word = table_find(legacy_words, ELEMENTS_OF(legacy_words), option->key);
		if (word && !option->value) {
			*flags |= word->value;
			continue;
		}
		n = snprintf(data + length, LEGACY_DATA_MAX - length, "%s%s%s%s", i ? "," : "",
			     option->key, option->value ? "=" : "",
			     option->value ? option->value : "");
		if (n < 0 || (size_t)n >= LEGACY_DATA_MAX - length)
			return error_set(err, E2BIG, "the options are too long for mount(2)");
		length += (size_t)n;
	}
	return 0;
}

/* mount(2) on the target's descriptor, named through a procfs that was verified. The mount is then
 * opened by the name of the target, below the root: its descriptor is what mount(2) doesn't give. */
static int mount_legacy(const struct assembly *assembly, const struct plan_op *op, int target,
			struct error *err)
{
	unsigned long flags = legacy_flags(&op->attributes);
	_cleanup_fd_ int proc = -1, mount_fd = -1;
	struct plan_attributes rest = op->attributes;
	char data[LEGACY_DATA_MAX], path[64];
	int r;

	if (op->n_layers || op->copy_up)
		return error_set(err, ENOTSUP, "this kernel lacks fsopen(2)");
	r = legacy_data(op, data, &flags, err);
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

/* What is done with the mount between its making and its attaching. */
static int dress(const struct assembly *assembly, const struct plan_op *op, int mount,
		 int target, struct error *err)
{
	struct plan_attributes rest = op->attributes;
	int r;

	if (op->copy_up) {
		r = copy_up(target, mount, err);
		if (r < 0)
			return r;
	} else {
		rest.set &= ~(uint64_t)attributes_at_birth(&rest);
		rest.clear = 0; /* a new mount has nothing to clear */
	}
	if (op->idmap.kind == PLAN_IDMAP_OWN) {
		r = idmap_apply(mount, assembly->sources->userns[assembly->index], &op->idmap,
				err);
		if (r < 0)
			return r;
	}
	return attributes_apply(mount, &rest, 0, err);
}

int filesystem_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	const struct target target = {
		.path = op->target,
		.directory = true,
		.no_follow = op->no_follow_target,
		.procfs = is_type(op, "proc"),
	};
	_cleanup_fd_ int at = -1, mount_fd = -1;
	bool created;
	int r;

	at = target_open(assembly->root, &target, &created, err);
	if (at < 0)
		return at;
	if (op->iversion)
		return mount_legacy(assembly, op, at, err);
	/* what is copied up must be written first: read-only comes afterwards */
	mount_fd = make_mount(assembly, op, created ? -1 : at,
			      op->copy_up ? 0 : attributes_at_birth(&op->attributes), err);
	if ((mount_fd == -ENOSYS || mount_fd == -EOPNOTSUPP) && err->code == 0) {
		trace_debug("\"%s\": no fsopen(2) for %s, using mount(2)", op->target,
			    op->type);
		return mount_legacy(assembly, op, at, err);
	}
	if (mount_fd < 0)
		return mount_fd;
	r = dress(assembly, op, mount_fd, at, err);
	if (r < 0)
		return r;
	r = mountfd_attach(mount_fd, at);
	if (r < 0)
		return op_failed(err, -r, "attach the new mount");
	return 0;
}
