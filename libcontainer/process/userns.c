/* The settings, and who has them: kernel.unprivileged_userns_clone is Debian's, user.max_user_namespaces of every kernel
 * since 4.9, and kernel.apparmor_restrict_unprivileged_userns Ubuntu's (Linux 6.7 has the mechanism): with it the
 * namespace is made, but has no capabilities, unless the caller's AppArmor profile says userns. */
#include "process/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/procfs.h"

/* The number in a file of /proc/sys, or -1 without it. */
static long setting(int proc, const char *path)
{
	_cleanup_fd_ int fd = procfs_openat(proc, path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static bool restricted_by_apparmor(int proc)
{
	return setting(proc, "sys/kernel/apparmor_restrict_unprivileged_userns") > 0;
}

static const struct userns_refusal by_apparmor = {
	"AppArmor lets only chosen programs use one "
	"(kernel.apparmor_restrict_unprivileged_userns)",
	"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
};

struct userns_refusal userns_explain(int proc, int code)
{
	struct userns_refusal refusal = { error_errno_text(code), NULL };

	if (setting(proc, "sys/kernel/unprivileged_userns_clone") == 0)
		refusal = (struct userns_refusal){
			"kernel.unprivileged_userns_clone is 0",
			"sudo sysctl -w kernel.unprivileged_userns_clone=1"
		};
	else if (setting(proc, "sys/user/max_user_namespaces") == 0)
		refusal = (struct userns_refusal){
			"user.max_user_namespaces is 0",
			"sudo sysctl -w user.max_user_namespaces=15000"
		};
	else if (restricted_by_apparmor(proc))
		refusal = by_apparmor;
	else if (code == ENOSPC || code == EUSERS)
		refusal = (struct userns_refusal){
			"the nesting depth or a limit of /proc/sys/user is reached",
			"sudo sysctl -w user.max_user_namespaces=15000"
		};
	else if (code == EPERM)
		refusal.reason = "refused: by a seccomp filter, a chroot, or a security module "
				 "of the caller's";
	return refusal;
}

void userns_hint(int proc, struct error *err)
{
	struct userns_refusal refusal = userns_explain(proc, err->code);

	error_hint(err, " (no user namespace can be made: %s%s%s; `tare doctor` says more)",
		   refusal.reason, refusal.remedy ? "; " : "",
		   refusal.remedy ? refusal.remedy : "");
}

int userns_hint_inside(int proc, struct error *err)
{
	if ((err->code == EPERM || err->code == EACCES) && geteuid() != 0 &&
	    restricted_by_apparmor(proc))
		error_hint(err, " (perhaps because %s; %s)", by_apparmor.reason,
			   by_apparmor.remedy);
	return -err->code;
}
