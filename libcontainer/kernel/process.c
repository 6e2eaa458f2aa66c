/* Wrappers for process system calls. clone3 is called by number with no stack, which gives fork
 * semantics; the libc's own fork handlers do not run, and none is needed, because tare has one thread
 * and the child either executes a program or leaves by _exit(). */
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/uapi.h"

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

pid_t process_clone(uint64_t flags, int cgroup, int exit_signal, int *ret_pidfd)
{
	struct tare_clone_args args = {
		.flags = flags,
		.exit_signal = (unsigned)exit_signal,
	};
	int pidfd = -1;
	long pid;

	if (ret_pidfd) {
		args.flags |= TARE_CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	if (flags & TARE_CLONE_INTO_CGROUP)
		args.cgroup = (uint64_t)cgroup;
	pid = syscall(__NR_clone3, &args, sizeof args);
	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int process_pidfd_open(pid_t pid)
{
	return result(syscall(__NR_pidfd_open, pid, 0));
}

int process_pidfd_signal(int pidfd, int signal)
{
	return result(syscall(__NR_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int process_setns(int fd, int type)
{
	return result(setns(fd, type));
}

int process_unshare(int flags)
{
	return result(unshare(flags));
}

bool process_is_capable(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(__NR_capget, &header, data) == 0 &&
	       (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability));
}

/* Where the numbers without suffix are those of 16-bit ids. */
#ifdef __NR_setresuid32
#define NR_SETGROUPS __NR_setgroups32
#define NR_SETRESGID __NR_setresgid32
#define NR_SETRESUID __NR_setresuid32
#else
#define NR_SETGROUPS __NR_setgroups
#define NR_SETRESGID __NR_setresgid
#define NR_SETRESUID __NR_setresuid
#endif

int process_set_groups(size_t count, const gid_t *groups)
{
	return result(syscall(NR_SETGROUPS, count, groups));
}

int process_set_group(gid_t group)
{
	return result(syscall(NR_SETRESGID, group, group, group));
}

int process_set_user(uid_t user)
{
	return result(syscall(NR_SETRESUID, user, user, user));
}

int process_close_from(unsigned first)
{
	return result(syscall(__NR_close_range, first, ~0U, 0));
}

int process_cloexec_from(unsigned first)
{
	return result(syscall(__NR_close_range, first, ~0U, TARE_CLOSE_RANGE_CLOEXEC));
}

static bool is_among(int fd, const int *keep, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

/* What came through execve(2) is the caller's; what is opened here is close-on-exec, all of it. */
static void close_own_below(unsigned end, const int *keep, unsigned n)
{
	unsigned fd;
	int flags;

	for (fd = 3; fd < end; fd++) {
		flags = fcntl((int)fd, F_GETFD);
		if (flags >= 0 && flags & FD_CLOEXEC && !is_among((int)fd, keep, n))
			close((int)fd);
	}
}

int process_close_except(unsigned first, const int *keep, unsigned n)
{
	unsigned next, i;
	int r;

	close_own_below(first, keep, n);
	for (;;) {
		next = ~0U;
		for (i = 0; i < n; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= first &&
			    (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == ~0U)
			return process_close_from(first);
		if (next > first) {
			r = result(syscall(__NR_close_range, first, next - 1, 0));
			if (r < 0)
				return r;
		}
		first = next + 1;
	}
}

int process_reset_affinity(void)
{
	unsigned long every[8192 / (8 * sizeof(unsigned long))]; /* CONFIG_NR_CPUS at most */

	memset(every, 0xff, sizeof every);
	return result(syscall(__NR_sched_setaffinity, 0, sizeof every, every));
}

int process_wait_signal(int pidfd, int *ret_status, int *ret_signal)
{
	siginfo_t info = { 0 };

	while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	*ret_status = *ret_signal ? 128 + *ret_signal : info.si_status;
	return 0;
}

bool process_killed_at_birth(int pidfd)
{
	siginfo_t info = { 0 };

	/* refuses with EINVAL to release the memory of a process that is not being killed */
	if (syscall(__NR_process_mrelease, pidfd, 0) < 0 && errno != ESRCH && errno != EAGAIN)
		return false;
	return waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | WNOWAIT) == 0 &&
	       info.si_code != CLD_EXITED && info.si_status == SIGKILL;
}

int process_wait(int pidfd, int *ret_status)
{
	int signal;

	return process_wait_signal(pidfd, ret_status, &signal);
}

int process_wait_end(int pidfd, int timeout_ms)
{
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&poller, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int process_start_time(int proc, pid_t pid, uint64_t *ret_ticks, char *ret_state)
{
	char path[32], text[1024], *p;
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	int field;

	snprintf(path, sizeof path, "%d/stat", (int)pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name in parentheses may contain anything */
	if (!p || p[1] != ' ')
		return -EBADMSG;
	p += 2;
	if (ret_state)
		*ret_state = *p;
	for (field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EBADMSG;
		p++;
	}
	*ret_ticks = strtoull(p, NULL, 10);
	return 0;
}

int process_pidfs_id(int pidfd, uint64_t *ret_id)
{
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} handle = { .head = { .handle_bytes = 128 } };
	int mount_id;

	if (name_to_handle_at(pidfd, "", &handle.head, &mount_id, AT_EMPTY_PATH) < 0)
		return errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
	if (handle.head.handle_bytes != sizeof *ret_id)
		return -EOPNOTSUPP;
	memcpy(ret_id, handle.head.f_handle, sizeof *ret_id);
	return 0;
}
