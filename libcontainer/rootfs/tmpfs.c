/* tmpcopyup: the contents of the directory that a tmpfs is going to cover are copied into it before it
 * is attached. The tree belongs to the image, so nothing in it is followed or opened before its type
 * is known; and only what a tmpfs can hold is carried over: an owner that the user namespace doesn't
 * map, or an attribute that tmpfs refuses, is left out and said at debug level. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "kernel/uapi.h"
#include "rootfs/operation.h"

#define DEPTH_MAX 128 /* one frame and two descriptors a level */
#define NAMES_MAX 65536 /* XATTR_LIST_MAX */

static int copy_directory(int source, int target, dev_t device, unsigned depth,
			  struct error *err);

static int copy_xattrs(int source, int target, const char *name, struct error *err)
{
	_cleanup_free_ char *names = NULL, *value = NULL;
	ssize_t length, size;
	const char *key;

	length = flistxattr(source, NULL, 0);
	if (length <= 0)
		return 0;
	names = malloc(NAMES_MAX);
	value = malloc(NAMES_MAX);
	if (!names || !value)
		return error_oom(err);
	length = flistxattr(source, names, NAMES_MAX);
	for (key = names; length > 0 && key < names + length; key += strlen(key) + 1) {
		size = fgetxattr(source, key, value, NAMES_MAX);
		if (size < 0 || fsetxattr(target, key, value, (size_t)size, 0) == 0)
			continue;
		if (errno != ENOTSUP && errno != EPERM && errno != EINVAL)
			return op_failed(err, errno, "copy \"%s\" of \"%s\" up", key, name);
		trace_debug("tmpcopyup: %s of %s can't be carried over", key, name);
	}
	return 0;
}

/* Owner, mode and times of an entry of directory @target. Owner first: chown clears set-id bits. */
static int copy_status(int target, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(target, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != EINVAL && errno != EPERM)
			return op_failed(err, errno, "copy the owner of \"%s\" up", name);
		trace_debug("tmpcopyup: the owner of %s is not mapped", name);
	}
	/* the tmpfs is not attached yet: no one but us can put a link there */
	if (!S_ISLNK(st->st_mode) && fchmodat(target, name, st->st_mode & 07777, 0) < 0)
		return op_failed(err, errno, "copy the mode of \"%s\" up", name);
	if (utimensat(target, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return op_failed(err, errno, "copy the times of \"%s\" up", name);
	return 0;
}

static int copy_data(int in, int out, const char *name, struct error *err)
{
	char buffer[16384];
	ssize_t n, written, done;

	for (;;) {
		n = read(in, buffer, sizeof buffer);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return op_failed(err, errno, "read \"%s\" to copy it up", name);
		for (done = 0; done < n; done += written) {
			written = write(out, buffer + done, (size_t)(n - done));
			if (written < 0 && errno == EINTR)
				written = 0;
			if (written < 0)
				return op_failed(err, errno, "copy \"%s\" up", name);
		}
	}
}

static int copy_file(int source, int target, const char *name, struct error *err)
{
	_cleanup_fd_ int in = -1, out = -1;
	struct stat st;
	int r;

	in = openat(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return op_failed(err, errno, "open \"%s\" to copy it up", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EBUSY, "\"%s\" changed while it was copied up", name);
	out = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return op_failed(err, errno, "create \"%s\" to copy it up", name);
	r = copy_data(in, out, name, err);
	return r < 0 ? r : copy_xattrs(in, out, name, err);
}

static int copy_link(int source, int target, const char *name, struct error *err)
{
	char content[PATH_MAX];
	ssize_t n;

	n = readlinkat(source, name, content, sizeof content - 1);
	if (n < 0)
		return op_failed(err, errno, "read the link \"%s\" to copy it up", name);
	content[n] = '\0';
	if (symlinkat(content, target, name) < 0)
		return op_failed(err, errno, "create the link \"%s\" to copy it up", name);
	return 0;
}

static int copy_subdirectory(int source, int target, const char *name, dev_t device,
			     unsigned depth, struct error *err)
{
	_cleanup_fd_ int in = -1, out = -1;
	struct stat st;
	int r;

	if (mkdirat(target, name, 0700) < 0)
		return op_failed(err, errno, "create \"%s\" to copy it up", name);
	in = openat(source, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	out = openat(target, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return op_failed(err, errno, "open \"%s\" to copy it up", name);
	if (st.st_dev != device) /* a mount point: what is mounted there stays out */
		return 0;
	r = copy_xattrs(in, out, name, err);
	return r < 0 ? r : copy_directory(in, out, device, depth + 1, err);
}

static int copy_entry(int source, int target, const char *name, dev_t device, unsigned depth,
		      struct error *err)
{
	struct stat st;
	int r = 0;

	if (fstatat(source, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return op_failed(err, errno, "examine \"%s\" to copy it up", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		r = copy_subdirectory(source, target, name, device, depth, err);
		break;
	case S_IFREG:
		r = copy_file(source, target, name, err);
		break;
	case S_IFLNK:
		r = copy_link(source, target, name, err);
		break;
	default: /* devices, fifos, sockets */
		if (mknodat(target, name, st.st_mode, st.st_rdev) == 0)
			break;
		if (errno != EPERM)
			return op_failed(err, errno, "create \"%s\" to copy it up", name);
		trace_debug("tmpcopyup: no right to make the device %s", name);
		return 0;
	}
	return r < 0 ? r : copy_status(target, name, &st, err);
}

/* Copies the entries of directory @source (read-only descriptor) into @target. */
static int copy_directory(int source, int target, dev_t device, unsigned depth,
			  struct error *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd, r;

	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "tmpcopyup: directories deeper than %d",
				 DEPTH_MAX);
	fd = fcntl(source, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return op_failed(err, errno, "duplicate a descriptor");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return error_oom(err);
	}
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry && errno)
			return op_failed(err, errno, "read a directory to copy it up");
		if (!entry)
			return 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = copy_entry(source, target, entry->d_name, device, depth, err);
		if (r < 0)
			return r;
	}
}

int copy_up(int source, int mount, struct error *err)
{
	_cleanup_fd_ int in = -1, out = -1;
	struct stat st;

	in = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	out = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return op_failed(err, errno, "open the directory that is copied up");
	if (fchown(out, st.st_uid, st.st_gid) < 0)
		trace_debug("tmpcopyup: the owner of the directory is not mapped");
	return copy_directory(in, out, st.st_dev, 0, err);
}
