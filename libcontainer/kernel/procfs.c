/* The verified procfs. Links inside procfs that are ordinary ("self", "thread-self", "mounts", "net")
 * are fine, magic ones ("exe", "cwd", "fd/N", "ns/...") are refused by RESOLVE_NO_MAGICLINKS; whoever
 * wants a magic link opens it by name with plain openat() and says why. */
#include "kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/uapi.h"

#define PROC_ROOT_INO 1
#define PROC_USER_INIT_INO 0xEFFFFFFDU /* include/linux/proc_ns.h */

int procfs_open(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct statfs fs;
	struct stat st;

	fd = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open /proc");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "examine /proc");
	if (fs.f_type != TARE_PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
		return error_set(err, ENOTSUP, "/proc is not procfs: mount procfs there first");
	return steal_fd(&fd);
}

int procfs_openat(int proc, const char *path, int flags)
{
	return mountfd_openat2(proc, path, (uint64_t)flags | O_NOCTTY, 0,
			       TARE_RESOLVE_BENEATH | TARE_RESOLVE_NO_XDEV |
				       TARE_RESOLVE_NO_MAGICLINKS);
}

int procfs_write(int proc, const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	size_t length = strlen(text);
	ssize_t n;

	fd = procfs_openat(proc, path, O_WRONLY);
	if (fd < 0)
		return error_errno(err, -fd, "open /proc/%s", path);
	n = write(fd, text, length);
	if (n < 0)
		return error_errno(err, errno, "write \"%s\" to /proc/%s", text, path);
	if ((size_t)n != length)
		return error_set(err, EIO, "write \"%s\" to /proc/%s: cut short", text, path);
	return 0;
}

int procfs_in_initial_userns(int proc)
{
	struct stat st;

	if (fstatat(proc, "self/ns/user", &st, 0) < 0)
		return -errno;
	return st.st_ino == PROC_USER_INIT_INO;
}

int procfs_know_cgroup_namespace(int proc, int directory, const char *path, bool *ret_own,
				 bool *ret_initial)
{
	struct stat st, own;
	struct statfs fs;
	_cleanup_fd_ int fd = openat(directory, path, O_PATH | O_CLOEXEC);

	*ret_own = *ret_initial = false;
	if (fd < 0)
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != TARE_NSFS_MAGIC)
		return 0;
	if (fstat(fd, &st) < 0 || fstatat(proc, "self/ns/cgroup", &own, 0) < 0)
		return -errno;
	*ret_initial = st.st_ino == TARE_PROC_CGROUP_INIT_INO;
	*ret_own = own.st_ino == st.st_ino;
	return 0;
}
