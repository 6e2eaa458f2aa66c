/* Bind mounts: the source is a detached clone that the caller opened (or, when it had not the right,
 * that is opened here), its flags are changed while nobody can see it, and it is moved onto its target
 * by descriptor. A clone made in the caller's namespace is a peer of the host's mount, so it is made a
 * slave (or what the plan says) before it is attached. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"
#include "rootfs/attributes.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

#define PROC_ROOT_INO 1

/* Whether @fd is the root of a procfs: the only thing besides a new one that may go to /proc. */
static bool is_procfs_root(int fd, const struct stat *st)
{
	struct statfs fs;

	return st->st_ino == PROC_ROOT_INO && fstatfs(fd, &fs) == 0 &&
	       fs.f_type == TARE_PROC_SUPER_MAGIC;
}

static bool is_namespace(int fd, const struct stat *st)
{
	struct statfs fs;

	/* of an anonymous device: else it is no nsfs, and the look at it is saved */
	return S_ISREG(st->st_mode) && major(st->st_dev) == 0 && fstatfs(fd, &fs) == 0 &&
	       fs.f_type == TARE_NSFS_MAGIC;
}

/* In the creating process, whose /proc is no container's. */
static bool is_mount_namespace(int fd, const struct stat *st)
{
	char path[sizeof "/proc/self/fd/" + 10];
	_cleanup_fd_ int namespace = -1;

	if (!is_namespace(fd, st))
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	namespace = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return namespace >= 0 && ioctl(namespace, TARE_NS_GET_NSTYPE) == CLONE_NEWNS;
}

static int refuse_namespace(struct error *err)
{
	return error_set(err, EINVAL,
			 "the source is a mount namespace, which can't be mounted in another "
			 "one");
}

/* A tree in which the file of a mount namespace is mounted can't be attached, and one that is the container's root
 * would lose it without a word (check_for_nsfs_mounts() and copy_tree() in fs/namespace.c). Asked for by name it is
 * refused. Somewhere below a source (snapd has such in /run/snapd/ns) it is left out, as runc does and everyone who
 * binds in a copy of the host's mount namespace: this process's own, if it is the container's side, has none.
 * @original, @st: the source.
 * Returns a clone of it from there, or -errno. */
static int clone_without_namespaces(const struct plan_op *op, int original,
				    const struct stat *st, struct error *err)
{
	_cleanup_fd_ int source = -1;
	struct stat now;

	if (is_namespace(original, st))
		return refuse_namespace(err);
	op_failed(err, ELOOP, "attach the bind mount");
	error_hint(err, " (the file of a mount namespace is mounted below the source)");
	if (!op->recursive || op->idmap.kind != PLAN_IDMAP_NONE)
		return -ELOOP;
	source = mountfd_open_tree(AT_FDCWD, op->source ? op->source : op->target,
				   TARE_OPEN_TREE_CLONE | TARE_AT_RECURSIVE);
	if (source < 0 || fstat(source, &now) < 0 || now.st_dev != st->st_dev ||
	    now.st_ino != st->st_ino)
		return -ELOOP;
	error_ignore(err, "what can't be in another mount namespace is left out");
	return steal_fd(&source);
}

static int attach(struct assembly *assembly, const struct plan_op *op, int source, int at,
		  const struct stat *st, struct error *err)
{
	uint64_t propagation = assembly->plan->host_propagation;
	_cleanup_fd_ int reduced = -1;
	int r;

	r = attributes_apply(source, &op->attributes, propagation, err);
	if (r < 0)
		return r;
	r = assembly_attach(assembly, source, at);
	if (r == -ELOOP) {
		reduced = clone_without_namespaces(op, source, st, err);
		if (reduced < 0)
			return reduced;
		r = attributes_apply(reduced, &op->attributes, propagation, err);
		if (r < 0)
			return r;
		r = assembly_attach(assembly, reduced, at);
	}
	return r < 0 ? op_failed(err, -r, "attach the bind mount") : 0;
}

int bind_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	struct target target = { .path = op->target, .no_follow = op->no_follow_target };
	_cleanup_fd_ int own = -1, at = -1;
	struct stat st;
	int source = -1;

	if (op->opened >= 0)
		source = assembly->sources->fds[op->opened];
	if (source < 0) {
		if (op->idmap.kind != PLAN_IDMAP_NONE)
			return op_failed(err, EPERM,
					 "id-map the mount (the caller may not clone mounts)");
		source = own = source_open(op, err);
		if (source < 0)
			return source;
	}
	if (fstat(source, &st) < 0)
		return op_failed(err, errno, "examine the source");
	if (assembly->owners && !assembly->attached && is_mount_namespace(source, &st))
		return refuse_namespace(err);
	target.directory = S_ISDIR(st.st_mode);
	target.procfs = is_procfs_root(source, &st);
	target.no_follow |= target.procfs;
	at = target_open(assembly->root, &target, NULL, err);
	if (at < 0)
		return at;
	return attach(assembly, op, source, at, &st, err);
}

int remount_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	_cleanup_fd_ int mount = -1, context = -1;
	const struct plan_fs_option *option;
	char log[512];
	size_t i;
	int r;

	mount = target_lookup(assembly->root, op->target, 0);
	if (mount < 0)
		return op_failed(err, -mount, "open the mount");
	r = attributes_apply(mount, &op->attributes, 0, err);
	if (r < 0 || !op->n_fs_options)
		return r;
	context = mountfd_fspick(mount);
	if (context < 0)
		return op_failed(err, -context, "pick the file system");
	for (i = 0; i < op->n_fs_options; i++) {
		option = &op->fs_options[i];
		r = option->value ? mountfd_set_string(context, option->key, option->value)
				  : mountfd_set_flag(context, option->key);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = mountfd_reconfigure(context);
	if (r == 0)
		return 0;
	mountfd_log(context, log, sizeof log);
	op_failed(err, -r, "change the file system's options");
	return log[0] ? error_hint(err, " (%s)", log) : r;
}
