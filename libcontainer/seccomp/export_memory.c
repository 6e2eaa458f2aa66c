/* Exporting by seccomp_export_bpf_mem(3), libseccomp 2.6: asked once for the size, once for the
 * program. export_memfd.c is its sibling for older libraries; the build chooses. The library gives
 * lengths in bytes. */
#include "seccomp/export.h"

int seccomp_export(scmp_filter_ctx context, struct arena *arena,
		   const struct sock_filter **ret_program, size_t *ret_length,
		   struct error *err)
{
	size_t size = 0;
	void *program;
	int r;

	r = seccomp_export_bpf_mem(context, NULL, &size);
	if (r < 0)
		return error_errno(err, -r, "compile the system call filter");
	program = arena_alloc(arena, size);
	if (!program)
		return error_oom(err);
	r = seccomp_export_bpf_mem(context, program, &size);
	if (r < 0)
		return error_errno(err, -r, "compile the system call filter");
	*ret_program = program;
	*ret_length = size / sizeof **ret_program;
	return 0;
}
