/* Loading a compiled filter by seccomp(2) itself. Kernel facts: without no_new_privs it takes
 * CAP_SYS_ADMIN in the user namespace, and with SECCOMP_FILTER_FLAG_TSYNC a positive result is the thread
 * that could not be brought along, which is a failure too. */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/seccomp.h"

int seccomp_install(const struct seccomp_program *program, struct error *err)
{
	struct sock_fprog filter = {
		.len = program->length,
		.filter = program->instructions,
	};
	long r;

	if (program->length == 0)
		return 0;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &filter);
	if (r == 0)
		return 0;
	if (r > 0)
		return error_set(
			err, ESRCH,
			"load the system call filter: thread %ld has a filter that this "
			"one does not descend from",
			r);
	error_errno(err, errno, "load the system call filter of %u instructions",
		    program->length);
	if (err->code == EACCES)
		return error_hint(err, " (it takes process.noNewPrivileges or CAP_SYS_ADMIN)");
	if (err->code == EINVAL)
		return error_hint(err, " (flags %#x: the kernel may not know one of them)",
				  program->flags);
	return -err->code;
}
