/* Device nodes. Everything happens on descriptors below the root (CVE-2026-41579 and CVE-2026-47766:
 * /dev may be a link in the image): the directory is resolved once, the node is made in it by name and
 * opened again without following links, and owner and mode are set on that descriptor. In a user
 * namespace mknod() of a device is EPERM whatever the capabilities; there the host's node is bound. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/mountfd.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"
#include "rootfs/target.h"

static bool matches(const struct stat *st, const struct plan_device *device)
{
	if ((st->st_mode & S_IFMT) != device->type)
		return false;
	return device->type == S_IFIFO || st->st_rdev == makedev(device->major, device->minor);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFREG:
		return "regular file";
	default:
		return "socket";
	}
}

static int mismatch(const struct stat *st, const struct plan_device *device, struct error *err)
{
	char found[32] = "", wanted[32] = "";

	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		snprintf(found, sizeof found, " %u:%u", major(st->st_rdev), minor(st->st_rdev));
	if (device->type != S_IFIFO)
		snprintf(wanted, sizeof wanted, " %u:%u", device->major, device->minor);
	return error_set(err, EEXIST, "there is a %s%s already, which is not the %s%s",
			 type_name(st->st_mode), found, type_name(device->type), wanted);
}

/* chmod() of an O_PATH descriptor: fchmodat2() of Linux 6.6, else through a verified procfs. */
static int change_mode(int fd, mode_t mode, struct error *err)
{
	_cleanup_fd_ int proc = -1;
	char path[32];

	if (syscall(__NR_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return op_failed(err, errno, "change the mode");
	proc = procfs_open(err);
	if (proc < 0)
		return proc;
	snprintf(path, sizeof path, "self/fd/%d", fd);
	if (fchmodat(proc, path, mode, 0) < 0)
		return op_failed(err, errno, "change the mode");
	return 0;
}

/* Opens what stands at @name in @parent, a link itself too. Returns -ENOENT without a text. */
static int open_entry(int parent, const char *name, struct stat *ret_st, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return op_failed(err, errno, "open the node");
	return steal_fd(&fd);
}

static int open_host_node(const struct assembly *assembly, const struct plan_op *op,
			  int *ret_own, struct error *err)
{
	int fd = op->opened >= 0 ? assembly->sources->fds[op->opened] : -1;

	if (fd < 0)
		fd = *ret_own = source_open(op, err);
	return fd;
}

/* Binds the host's node over an empty file (or over a node that is the same device already). */
static int bind_node(const struct assembly *assembly, const struct plan_op *op, int parent,
		     const char *name, struct error *err)
{
	_cleanup_fd_ int at = -1, own = -1;
	struct stat st;
	int node, r;

	node = open_host_node(assembly, op, &own, err);
	if (node < 0)
		return node;
	if (mknodat(parent, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return op_failed(err, errno, "create a file to bind the device to");
	at = open_entry(parent, name, &st, err);
	if (at == -ENOENT)
		return op_failed(err, ENOENT, "open the node");
	if (at < 0)
		return at;
	if (!matches(&st, &op->device) && !(S_ISREG(st.st_mode) && st.st_size == 0))
		return mismatch(&st, &op->device, err);
	/* root of the initial user namespace could chmod the host's node through the bind */
	r = mountfd_setattr(node, 0, assembly->plan->in_userns ? 0 : TARE_MOUNT_ATTR_RDONLY, 0,
			    MS_PRIVATE, -1);
	if (r == 0)
		r = mountfd_attach(node, at);
	if (r < 0)
		return op_failed(err, -r, "bind the device");
	return 0;
}

/* Whether it is just what it shall be, which it nearly always is. */
static bool is_finished(int parent, const char *name, const struct plan_device *device)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && matches(&st, device) &&
	       st.st_uid == device->uid && st.st_gid == device->gid &&
	       (st.st_mode & 07777) == (device->mode & 07777);
}

static int finish_node(int parent, const char *name, const struct plan_device *device,
		       struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (is_finished(parent, name, device))
		return 0;
	fd = open_entry(parent, name, &st, err);
	if (fd == -ENOENT)
		return op_failed(err, ENOENT, "open the node");
	if (fd < 0)
		return fd;
	if (!matches(&st, device))
		return mismatch(&st, device, err);
	if ((st.st_uid != device->uid || st.st_gid != device->gid) &&
	    fchownat(fd, "", device->uid, device->gid, AT_EMPTY_PATH) < 0)
		return op_failed(err, errno, "change the owner to %u:%u", device->uid,
				 device->gid);
	/* mknod() was given it, but a default ACL of the directory may have cut it */
	if ((st.st_mode & 07777) == (device->mode & 07777))
		return 0;
	return change_mode(fd, device->mode & 07777, err);
}

int assembly_open_parent(struct assembly *assembly, const char *path, const char **ret_name,
			 struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 0;

	if (assembly->nodes >= 0 && length > 0 && slash[1] &&
	    strncmp(path, assembly->nodes_path, length) == 0 &&
	    !strchr(assembly->nodes_path + length, '/')) {
		*ret_name = slash + 1;
		return assembly->nodes;
	}
	cleanup_fd(&assembly->nodes);
	assembly->nodes = target_open_parent(assembly->root, path, ret_name, err);
	assembly->nodes_path = path;
	return assembly->nodes;
}

int device_perform(struct assembly *assembly, const struct plan_op *op, struct error *err)
{
	const struct plan_device *device = &op->device;
	const struct target target = { .path = op->target };
	_cleanup_fd_ int found = -1;
	const char *name;
	struct stat st;
	int parent, r;

	r = target_check_proc(&target, err);
	if (r < 0)
		return r;
	parent = assembly_open_parent(assembly, op->target, &name, err);
	if (parent < 0)
		return parent;
	if (device->bind)
		return bind_node(assembly, op, parent, name, err);
	if (mknodat(parent, name, device->type | (device->mode & 07777),
		    device->type == S_IFIFO ? 0 : makedev(device->major, device->minor)) == 0)
		return finish_node(parent, name, device, err);
	if (errno == EPERM && device->type != S_IFIFO) {
		trace_debug("no right to make \"%s\": binding the host's node", op->target);
		return bind_node(assembly, op, parent, name, err);
	}
	if (errno != EEXIST && errno != EROFS)
		return op_failed(err, errno, "create the node");
	r = errno;
	found = open_entry(parent, name, &st, err);
	if (found == -ENOENT)
		return op_failed(err, r, "create the node");
	if (found < 0)
		return found;
	return matches(&st, device) ? 0 : mismatch(&st, device, err);
}
