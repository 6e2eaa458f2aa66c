/* linux.seccomp: a profile that is accepted and compiled is a program that the kernel would take, by the rules
 * of its bpf_check_classic() and seccomp_check_filter(): in bounds, forwards only, ending on every path. */
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <string.h>

#include "fuzz.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

#define INSTRUCTIONS_MAX 4096 /* BPF_MAXINSNS */

static void check_jump(const struct sock_filter *i, size_t left)
{
	if (BPF_OP(i->code) == BPF_JA)
		require(i->k < left);
	else
		require(i->jt < left && i->jf < left);
}

static void check_program(const struct seccomp_program *program)
{
	const struct sock_filter *i;
	size_t at;

	require(program->length > 0 && program->length <= INSTRUCTIONS_MAX);
	for (at = 0; at < program->length; at++) {
		i = &program->instructions[at];
		if (BPF_CLASS(i->code) == BPF_JMP)
			check_jump(i, program->length - at - 1);
		else if (BPF_CLASS(i->code) == BPF_LD)
			require(i->k < sizeof(struct seccomp_data) && i->k % 4 == 0);
		else
			require(BPF_CLASS(i->code) == BPF_RET || BPF_CLASS(i->code) == BPF_ALU);
	}
	require(program->instructions[program->length - 1].code == (BPF_RET | BPF_K));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct seccomp_program program = { 0 };
	struct error err = ERROR_INIT;
	const struct spec *spec;
	const char *text;
	int r;

	/* too many rules make libseccomp slow, not wrong */
	if (size > 4096)
		return 0;
	text = arena_printf(arena,
			    "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},"
			    "\"linux\":{\"seccomp\":%.*s}}",
			    (int)size, (const char *)data);
	require(text);
	r = spec_load(text, strlen(text), "/bundle", arena, &spec, &err);
	require_result(r, &err);
	if (r < 0 || !spec->linux_ || !spec->linux_->seccomp)
		return 0;
	r = seccomp_compile(spec->linux_->seccomp, arena, &program, &err);
	require_result(r, &err);
	if (r >= 0)
		check_program(&program);
	return 0;
}
