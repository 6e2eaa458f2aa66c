/* New file systems: fsopen, fsconfig, fsmount, and the finished mount is moved onto its target by
 * descriptor. A superblock takes the namespaces of the process that creates it, which is why this runs
 * in the container's side, or enters the namespace that is to be shown (outside.c). mount(2) is left for what the new calls can't say
 * (filesystem-mount2.c): i_version, a long option, a kernel (or an emulation) that lacks them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/attributes.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

/* fsconfig(2) takes strings of at most 255 bytes (strndup_user() in fs/fsopen.c). */
#define STRING_MAX 255
#define SELINUX_MAGIC 0xf97cff8cU

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

static bool has_long_option(const struct plan_op *op)
{
	size_t i;

	for (i = 0; i < op->n_fs_options; i++)
		if (op->fs_options[i].value && strlen(op->fs_options[i].value) > STRING_MAX)
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
		if (r < 0) {
			context_failed(context, -r, "set the option", option->key, err);
			return r == -EINVAL && strcmp(option->key + 1, "id") == 0
				       ? error_hint(err,
						    " (in a user namespace the id has to "
						    "be in linux.%sMappings)",
						    option->key)
				       : r;
		}
	}
	return 0;
}

bool filesystem_takes_label(const struct assembly *assembly, const struct plan_op *op)
{
	static const char *const without[] = { "proc", "sysfs", "mqueue", "cgroup2", "cgroup" };
	struct statfs fs;
	size_t i;

	if (!assembly->plan->mount_label || has_option(op, assembly->plan->mount_context_type))
		return false;
	for (i = 0; i < ELEMENTS_OF(without); i++)
		if (is_type(op, without[i]))
			return false;
	return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned)fs.f_type == SELINUX_MAGIC;
}

static int set_label(int context, const struct assembly *assembly, const struct plan_op *op,
		     struct error *err)
{
	int r;

	if (!filesystem_takes_label(assembly, op))
		return 0;
	r = mountfd_set_string(context, assembly->plan->mount_context_type,
			       assembly->plan->mount_label);
	if (r < 0)
		return context_failed(context, -r, "set the option", "context", err);
	return 0;
}

/* Outside: the pid namespace that a procfs shows, which else is the opener's (Linux 6.17). */
static int set_pid_namespace(int context, const struct assembly *assembly,
			     const struct plan_op *op, struct error *err)
{
	int r;

	if (!assembly->owners || plan_owner(op) != SPEC_NAMESPACE_PID ||
	    assembly->owners->theirs[SPEC_NAMESPACE_PID] < 0)
		return 0;
	r = mountfd_set_fd(context, "pidns", assembly->owners->theirs[SPEC_NAMESPACE_PID]);
	if (r < 0)
		return context_failed(context, -r, "set the option", "pidns", err);
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

/* Whether a user namespace is what was refused, and not one of the types that say more about it below. */
static void hint_type(const struct assembly *assembly, const struct plan_op *op, int code,
		      struct error *err)
{
	if (code == EPERM && assembly->plan->in_userns && !is_type(op, "sysfs") &&
	    !is_type(op, "proc"))
		error_hint(err, " (in a user namespace the kernel mounts few types: tmpfs, "
				"devpts, mqueue, overlay, fuse, cgroup2, ...; others are "
				"mounted on the host, and bound)");
}

static int create_failed(int context, const struct assembly *assembly, const struct plan_op *op,
			 int code, struct error *err)
{
	context_failed(context, code, "create the file system of type", op->type, err);
	hint_type(assembly, op, code, err);
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

int filesystem_make(const struct assembly *assembly, const struct plan_op *op, int covered,
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
	if (context < 0) {
		op_failed(err, -context, "open file system type \"%s\"", op->type);
		hint_type(assembly, op, -context, err);
		return context;
	}
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
	r = set_pid_namespace(context, assembly, op, err);
	if (r == 0)
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

static int make_in_owner(const struct assembly *assembly, const struct plan_op *op, int covered,
			 unsigned attributes, struct error *err)
{
	_cleanup_fd_ int mount = -1;
	int r;

	r = owner_enter(assembly, op, err);
	if (r < 0)
		return r;
	mount = filesystem_make(assembly, op, covered, attributes, err);
	r = owner_leave(assembly, op, err);
	if (r < 0 || mount < 0)
		return r < 0 ? r : mount;
	return steal_fd(&mount);
}

/* What is done with the mount between its making and its attaching. */
static int dress(const struct assembly *assembly, const struct plan_op *op, int mount,
		 int target, struct error *err)
{
	struct plan_attributes rest = attributes_after_birth(&op->attributes);
	int r;

	if (op->copy_up) {
		rest = op->attributes;
		r = copy_up(target, mount, err);
		if (r < 0)
			return r;
	}
	if (op->idmap.kind == PLAN_IDMAP_OWN) {
		r = idmap_apply(mount, assembly->sources->userns[assembly->index], &op->idmap,
				err);
		if (r < 0)
			return r;
	}
	return attributes_apply(mount, &rest, 0, err);
}

/* sysfs shows a network namespace, and belongs to the user namespace that owns it: in another the host's is bound, as
 * `spec --rootless` has it. */
static int bind_sysfs(const struct assembly *assembly, const struct plan_op *op, int at,
		      struct error *err)
{
	const struct plan_attributes attributes = {
		.set = op->attributes.set,
		.recursive_set = op->attributes.set | op->attributes.recursive_set,
	};
	_cleanup_fd_ int mount = -1;
	int r;

	if (assembly->attached) /* "/sys" is the container's here */
		return error_set(err, ENOTSUP,
				 "mount sysfs, which takes a network namespace of the "
				 "container's own");
	error_ignore(err, "no right to mount sysfs without a network namespace of the "
			  "container's own: /sys is bound");
	mount = mountfd_open_tree(AT_FDCWD, "/sys", TARE_OPEN_TREE_CLONE | TARE_AT_RECURSIVE);
	if (mount < 0)
		return op_failed(err, -mount, "clone /sys");
	r = attributes_apply(mount, &attributes, assembly->plan->host_propagation, err);
	if (r < 0)
		return r;
	r = mountfd_attach(mount, at);
	return r < 0 ? op_failed(err, -r, "attach the bind of /sys") : 0;
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
	if (op->iversion || has_long_option(op))
		return filesystem_mount2(assembly, op, at, err);
	/* what is copied up must be written first: read-only comes afterwards */
	mount_fd = make_in_owner(assembly, op, created ? -1 : at,
				 op->copy_up ? 0 : attributes_at_birth(&op->attributes), err);
	if ((mount_fd == -ENOSYS || mount_fd == -EOPNOTSUPP) && err->code == 0) {
		trace_debug("\"%s\": no fsopen(2) for %s, using mount(2)", op->target,
			    op->type);
		return filesystem_mount2(assembly, op, at, err);
	}
	if (mount_fd == -EPERM && assembly->plan->in_userns && is_type(op, "sysfs"))
		return bind_sysfs(assembly, op, at, err);
	if (mount_fd < 0)
		return mount_fd;
	r = dress(assembly, op, mount_fd, at, err);
	if (r < 0)
		return r;
	r = assembly_attach(assembly, mount_fd, at);
	if (r < 0)
		return op_failed(err, -r, "attach the new mount");
	return 0;
}
