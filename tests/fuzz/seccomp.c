/* linux.seccomp: a profile that is accepted and compiled by tare itself is a program that the kernel would take
 * (unit/machine.h has its rules), and one that ends for whatever is asked. What is left to libseccomp is not
 * compiled: rules that meet can keep it busy for minutes. */
#include <linux/audit.h>
#include <string.h>

#include "../unit/machine.h"
#include "fuzz.h"
#include "seccomp/reference.h"
#include "spec/spec.h"

static void check_program(const struct seccomp_program *program)
{
	static const uint32_t architectures[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,
						  AUDIT_ARCH_AARCH64, 0 };
	struct seccomp_data data = { 0 };
	uint32_t answer;
	size_t i;
	int number;

	require(machine_accepts(program->instructions, program->length));
	for (i = 0; i < sizeof architectures / sizeof *architectures; i++) {
		data.arch = architectures[i];
		for (number = -1; number < 500; number++) {
			data.nr = number;
			data.args[0] = data.args[2] = (uint64_t)number;
			require(machine_run(program->instructions, program->length, &data,
					    &answer));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct seccomp_program program = { 0 };
	struct error err = ERROR_INIT;
	const struct spec *spec;
	const char *text;
	int r;

	text = arena_printf(arena,
			    "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},"
			    "\"linux\":{\"seccomp\":%.*s}}",
			    (int)size, (const char *)data);
	require(text);
	r = spec_load(text, strlen(text), "/bundle", arena, &spec, &err);
	require_result(r, &err);
	if (r < 0 || !spec->linux_ || !spec->linux_->seccomp)
		return 0;
	r = seccomp_compile_alone(spec->linux_->seccomp, arena, &program, &err);
	require_result(r, &err);
	if (r > 0)
		check_program(&program);
	return 0;
}
