/* compat: below libseccomp 2.6, which is export_memory.c's. The older library only writes the program to a
 * descriptor, so that is a piece of memory (memfd_create(2)), read back. A pipe would hold no more than
 * 64 KiB, and nobody reads it meanwhile. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "seccomp/export.h"

int seccomp_export(scmp_filter_ctx context, struct arena *arena,
		   const struct sock_filter **ret_program, size_t *ret_length,
		   struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;
	void *program;
	int r;

	if (fd < 0)
		return error_errno(err, errno, "memfd_create for the system call filter");
	r = seccomp_export_bpf(context, fd);
	if (r < 0)
		return error_errno(err, -r, "compile the system call filter");
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "examine the system call filter");
	program = arena_alloc(arena, (size_t)st.st_size);
	if (!program)
		return error_oom(err);
	if (pread(fd, program, (size_t)st.st_size, 0) != st.st_size)
		return error_set(err, EIO, "read the system call filter: cut short");
	*ret_program = program;
	*ret_length = (size_t)st.st_size / sizeof **ret_program;
	return 0;
}
