/* Thin wrappers around the mount system calls: by number, because musl and older glibc have no names
 * for them. The kernel leaves messages in a file system context; they are read with read(2), one a
 * call, each starting with "e ", "w " or "i ". */
#include "kernel/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel/uapi.h"

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int mountfd_fsopen(const char *type)
{
	return result(syscall(__NR_fsopen, type, TARE_FSOPEN_CLOEXEC));
}

int mountfd_set_flag(int context, const char *key)
{
	return result(syscall(__NR_fsconfig, context, TARE_FSCONFIG_SET_FLAG, key, NULL, 0));
}

int mountfd_set_string(int context, const char *key, const char *value)
{
	return result(syscall(__NR_fsconfig, context, TARE_FSCONFIG_SET_STRING, key, value, 0));
}

int mountfd_set_fd(int context, const char *key, int value)
{
	return result(syscall(__NR_fsconfig, context, TARE_FSCONFIG_SET_FD, key, NULL, value));
}

int mountfd_create(int context)
{
	return result(syscall(__NR_fsconfig, context, TARE_FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

int mountfd_fspick(int mount)
{
	return result(
		syscall(__NR_fspick, mount, "", TARE_FSPICK_CLOEXEC | TARE_FSPICK_EMPTY_PATH));
}

int mountfd_reconfigure(int context)
{
	return result(
		syscall(__NR_fsconfig, context, TARE_FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
}

int mountfd_fsmount(int context, unsigned attributes)
{
	return result(syscall(__NR_fsmount, context, TARE_FSMOUNT_CLOEXEC, attributes));
}

void mountfd_log(int context, char *text, size_t size)
{
	size_t length = 0;
	ssize_t n;

	text[0] = '\0';
	while (length + 3 < size) {
		n = read(context, text + length, size - length - 3);
		if (n <= 0)
			break;
		if (n > 2 && text[length + 1] == ' ') {
			n -= 2; /* the severity letter and its space */
			memmove(text + length, text + length + 2, (size_t)n);
		}
		length += (size_t)n;
		while (length > 0 && text[length - 1] == '\n')
			length--;
		memcpy(text + length, "; ", 3);
		length += 2;
	}
	if (length >= 2)
		text[length - 2] = '\0';
}

int mountfd_open_tree(int dirfd, const char *path, unsigned flags)
{
	return result(syscall(__NR_open_tree, dirfd, path, flags | TARE_OPEN_TREE_CLOEXEC));
}

int mountfd_attach(int mount, int target)
{
	return result(syscall(__NR_move_mount, mount, "", target, "",
			      TARE_MOVE_MOUNT_F_EMPTY_PATH | TARE_MOVE_MOUNT_T_EMPTY_PATH));
}

static int setattr(int fd, const char *path, int recursive, struct tare_mount_attr *attr)
{
	unsigned flags = (path[0] ? 0 : AT_EMPTY_PATH) | (recursive ? TARE_AT_RECURSIVE : 0);

	return result(syscall(__NR_mount_setattr, fd, path, flags, attr, sizeof *attr));
}

int mountfd_setattr(int fd, int recursive, uint64_t set, uint64_t clear, uint64_t propagation,
		    int userns)
{
	struct tare_mount_attr attr = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
		.userns_fd = (set & TARE_MOUNT_ATTR_IDMAP) ? (uint64_t)userns : 0,
	};

	return setattr(fd, "", recursive, &attr);
}

int mountfd_setattr_path(const char *path, int recursive, uint64_t set, uint64_t clear,
			 uint64_t propagation)
{
	struct tare_mount_attr attr = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
	};

	return setattr(AT_FDCWD, path, recursive, &attr);
}

int mountfd_openat2(int dirfd, const char *path, uint64_t flags, unsigned mode,
		    uint64_t resolve)
{
	struct tare_open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = resolve,
	};
	int tries, r;

	for (tries = 0; tries < 64; tries++) {
		r = result(syscall(__NR_openat2, dirfd, path, &how, sizeof how));
		if (r != -EAGAIN && r != -EINTR)
			return r;
	}
	return r;
}

int mountfd_pivot_root(const char *new_root, const char *put_old)
{
	return result(syscall(__NR_pivot_root, new_root, put_old));
}

int mountfd_detach(int proc, int fd)
{
	char path[32];

	snprintf(path, sizeof path, "self/fd/%d", fd);
	if (fchdir(proc) < 0 || umount2(path, MNT_DETACH) < 0)
		return -errno;
	return 0;
}

int mountfd_umount(const char *path, int flags)
{
	return result(umount2(path, flags));
}
