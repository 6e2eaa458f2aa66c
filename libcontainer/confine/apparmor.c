/* The AppArmor profile for the next execve. It is written below the verified procfs, so that nothing
 * mounted over a file of /proc catches it (CVE-2019-16884, CVE-2025-52881), and only to the module's own
 * directory attr/apparmor (Linux 5.8): the older attr/exec belongs to whichever module came first, and
 * would take the profile for a label. The kernel refuses the write with EINVAL while the module sleeps,
 * and with ENOENT when the profile is not loaded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "confine/confine.h"
#include "kernel/procfs.h"

#define ATTRIBUTE "thread-self/attr/apparmor/exec"

bool confine_apparmor_enabled(void)
{
	_cleanup_fd_ int fd = -1;
	char value;

	fd = openat(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &value, 1) == 1 && value == 'Y';
}

int confine_apparmor(int proc, const char *profile, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char text[4096];
	int length;

	if (!profile || !profile[0])
		return 0;
	length = snprintf(text, sizeof text, "exec %s", profile);
	if ((size_t)length >= sizeof text)
		return error_set(err, ENAMETOOLONG,
				 "process.apparmorProfile: the name is too long");
	fd = procfs_openat(proc, ATTRIBUTE, O_WRONLY);
	if (fd == -ENOENT)
		return error_set(err, ENOTSUP,
				 "process.apparmorProfile: AppArmor is not enabled: this "
				 "kernel was built without it");
	if (fd < 0)
		return error_errno(err, -fd, "process.apparmorProfile: open /proc/%s",
				   ATTRIBUTE);
	if (write(fd, text, (size_t)length) == length)
		return 0;
	error_errno(err, errno, "process.apparmorProfile: apply profile \"%s\"", profile);
	if (err->code == EINVAL)
		return error_hint(err, " (AppArmor is not enabled on this host, or the name is "
				       "none)");
	if (err->code == ENOENT)
		return error_hint(err, " (the profile is not loaded: see apparmor_parser(8))");
	return -err->code;
}
