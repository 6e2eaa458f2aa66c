/* Bind mounts: the source is a detached clone that the caller opened (or, when it had not the right,
 * that is opened here), its flags are changed while nobody can see it, and it is moved onto its target
 * by descriptor. A clone made in the caller's namespace is a peer of the host's mount, so it is made a
 * slave (or what the plan says) before it is attached. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
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

int bind_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	struct target target = { .path = op->target, .no_follow = op->no_follow_target };
	_cleanup_fd_ int own = -1, at = -1;
	struct stat st;
	int source = -1, r;

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
	target.directory = S_ISDIR(st.st_mode);
	target.procfs = is_procfs_root(source, &st);
	target.no_follow |= target.procfs;
	at = target_open(assembly->root, &target, NULL, err);
	if (at < 0)
		return at;
	r = attributes_apply(source, &op->attributes, assembly->plan->host_propagation, err);
	if (r < 0)
		return r;
	r = assembly_attach(assembly, source, at);
	if (r < 0)
		return op_failed(err, -r, "attach the bind mount");
	return 0;
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
