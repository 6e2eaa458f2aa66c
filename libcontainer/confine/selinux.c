/* The SELinux label for the next execve, written to attr/exec below the verified procfs. That file is
 * shared by the security modules, so the module is asked for first; the container side can see no
 * trustworthy /sys, but the kernel registers selinuxfs in /proc/filesystems exactly when SELinux is
 * active (security/selinux/selinuxfs.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "confine/confine.h"
#include "kernel/procfs.h"

#define SELINUX_MAGIC 0xf97cff8cU
#define FILESYSTEMS_MAX 65536

bool confine_selinux_enabled(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 && (uint32_t)fs.f_type == SELINUX_MAGIC;
}

static int is_active(int proc, struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_fd_ int fd = -1;
	ssize_t length;
	char *text;

	if (!arena)
		return error_oom(err);
	fd = procfs_openat(proc, "filesystems", O_RDONLY);
	if (fd < 0)
		return error_errno(err, -fd, "open /proc/filesystems");
	length = fd_read_all(fd, FILESYSTEMS_MAX, "/proc/filesystems", arena, &text, err);
	if (length < 0)
		return (int)length;
	return strstr(text, "\tselinuxfs\n") != NULL;
}

int confine_selinux(int proc, const char *label, struct error *err)
{
	int r;

	if (!label || !label[0])
		return 0;
	r = is_active(proc, err);
	if (r < 0)
		return error_at(err, "process.selinuxLabel");
	if (r == 0)
		return error_set(err, ENOTSUP,
				 "process.selinuxLabel: SELinux is not active on this host");
	r = procfs_write(proc, "thread-self/attr/exec", label, err);
	if (r < 0)
		return error_at(err, "process.selinuxLabel");
	return 0;
}
