/* How a process ended, for others than its parent. Kernel facts: a pidfd that was open while its process was
 * reaped tells the exit status afterwards, and not before (PIDFD_INFO_EXIT, Linux 6.15); of a zombie it is field
 * 52 of /proc/PID/stat, which reads 0 for who may not trace the process. A 0 that means "not for you" must not
 * pass for success, so it is asked first whether the process may be looked into: the link "exe" of a zombie
 * leads nowhere (ENOENT), and of one that is hidden it is EACCES (proc(5)). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

#define FIELD_STATE 3
#define FIELD_EXIT_CODE 52

/* Returns 0, or -ENODATA while it is a zombie, and on older kernels. */
static int ask_pidfd(int pidfd, int *ret_code)
{
	struct tare_pidfd_info info = { .mask = TARE_PIDFD_INFO_EXIT };

	if (ioctl(pidfd, TARE_PIDFD_GET_INFO, &info) < 0 || !(info.mask & TARE_PIDFD_INFO_EXIT))
		return -ENODATA;
	*ret_code = info.exit_code;
	return 0;
}

/* Returns 0, or -ENODATA: it is no zombie, or may not be looked into. */
static int ask_procfs(int proc, pid_t pid, int *ret_code)
{
	char path[32], text[1024], link[8], *p;
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	int field;

	snprintf(path, sizeof path, "%d/exe", (int)pid);
	if (readlinkat(proc, path, link, sizeof link) >= 0 || errno != ENOENT)
		return -ENODATA;
	snprintf(path, sizeof path, "%d/stat", (int)pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENODATA;
	n = read(fd, text, sizeof text - 1);
	if (n <= 0)
		return -ENODATA;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name in parentheses may contain anything */
	for (field = FIELD_STATE; p && field <= FIELD_EXIT_CODE; field++) {
		p = strchr(p + 1, ' ');
		if (p && field == FIELD_STATE && p[1] != 'Z')
			return -ENODATA;
	}
	if (!p)
		return -ENODATA;
	*ret_code = (int)strtol(p + 1, NULL, 10);
	return 0;
}

int process_ending(int pidfd, int proc, pid_t pid, int *ret_status, int *ret_signal)
{
	int code, r;

	r = ask_pidfd(pidfd, &code);
	if (r < 0)
		r = ask_procfs(proc, pid, &code);
	if (r < 0)
		r = ask_pidfd(pidfd, &code); /* reaped in between */
	if (r < 0)
		return r;
	*ret_signal = WIFSIGNALED(code) ? WTERMSIG(code) : 0;
	*ret_status = *ret_signal ? 128 + *ret_signal : WEXITSTATUS(code);
	return 0;
}
