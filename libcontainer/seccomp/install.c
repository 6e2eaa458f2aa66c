/* Loading a compiled filter by seccomp(2) itself. Kernel facts: without no_new_privs it takes
 * CAP_SYS_ADMIN in the user namespace; with SECCOMP_FILTER_FLAG_TSYNC a positive result is the thread that
 * could not be brought along, which is a failure too; with SECCOMP_FILTER_FLAG_NEW_LISTENER it is the
 * descriptor of the listener, and both flags together need SECCOMP_FILTER_FLAG_TSYNC_ESRCH. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/seccomp.h"

bool seccomp_notifies(const struct spec_seccomp *spec)
{
	size_t i;

	for (i = 0; spec && i < spec->n_syscalls; i++)
		if (spec->syscalls[i].action == SPEC_ACT_NOTIFY)
			return true;
	return false;
}

void seccomp_take(const void *program, size_t size, struct seccomp_program *ret_program)
{
	*ret_program = (struct seccomp_program){
		.length = (unsigned short)(size / sizeof *ret_program->instructions),
		.instructions = (struct sock_filter *)(uintptr_t)program,
		.flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	};
}

static int explain(const struct seccomp_program *program, int code, struct error *err)
{
	error_errno(err, code, "load the system call filter of %u instructions",
		    program->length);
	if (code == EACCES)
		return error_hint(err, " (it takes process.noNewPrivileges or CAP_SYS_ADMIN)");
	if (code == EINVAL)
		return error_hint(err,
				  " (flags %#x: the kernel may not know one of them, or the "
				  "program is none that it takes)",
				  program->flags);
	if (code == EBUSY)
		return error_hint(err, " (a filter of this process has a listener already)");
	return -code;
}

int seccomp_install(const struct seccomp_program *program, int *ret_listener, struct error *err)
{
	struct sock_fprog filter = {
		.len = program->length,
		.filter = program->instructions,
	};
	long r;

	*ret_listener = -1;
	if (program->length == 0)
		return 0;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &filter);
	if (r < 0)
		return explain(program, errno, err);
	if (program->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		*ret_listener = (int)r;
	else if (r > 0)
		return error_set(
			err, ESRCH,
			"load the system call filter: thread %ld has a filter that this "
			"one does not descend from",
			r);
	return 0;
}
