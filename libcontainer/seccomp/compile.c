/* linux.seccomp to a program, in a tenth of a millisecond: rules by name to ranges of numbers (rules.c), ranges
 * to a search tree (search.c), by tables of names that libseccomp wrote when tare was built (names.c). What
 * these do not do alike, libseccomp does itself (reference.c): architectures that the tables lack, rules
 * whose order decides, programs that are too long. The choices that are not the specification's: the native
 * architecture is always filtered; a name that the library does not know is skipped, for profiles are newer
 * than libraries; conditions of one rule on the same argument are alternatives, as the profiles mean them; a
 * system call newer than the profile gets ENOSYS (enosys.h).
 * Kernel fact: a program has at most 4096 instructions (BPF_MAXINSNS). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <string.h>

#include "base/trace.h"
#include "seccomp/names.h"
#include "seccomp/reference.h"
#include "seccomp/rules.h"
#include "seccomp/search.h"
#include "seccomp/seccomp.h"

#define ARCHITECTURES_MAX 32

struct compiler {
	const struct spec_seccomp *spec;
	struct arena *arena;
	size_t n_architectures;
	const struct names_architecture *architectures[ARCHITECTURES_MAX];
	struct range_list lists[ARCHITECTURES_MAX];
	size_t n_lists;
};

static bool add_architecture(struct compiler *compiler,
			     const struct names_architecture *architecture)
{
	size_t i;

	for (i = 0; i < compiler->n_architectures; i++)
		if (compiler->architectures[i] == architecture)
			return true;
	if (i == ARCHITECTURES_MAX)
		return false;
	compiler->architectures[compiler->n_architectures++] = architecture;
	return true;
}

/* Returns whether the tables have all of them. */
static bool add_architectures(struct compiler *compiler)
{
	const struct spec_seccomp *spec = compiler->spec;
	const struct names_architecture *architecture;
	size_t i, count;

	add_architecture(compiler, names_architectures(&count));
	for (i = 0; i < spec->n_architectures; i++) {
		architecture = names_architecture(spec->architectures[i]);
		if (!architecture || !add_architecture(compiler, architecture))
			return false;
	}
	return true;
}

static const struct names_architecture *find(const struct compiler *compiler, uint32_t token)
{
	size_t i;

	for (i = 0; i < compiler->n_architectures; i++)
		if (compiler->architectures[i]->token == token)
			return compiler->architectures[i];
	return NULL;
}

/* Returns as rules_answer(). */
static int list_answers(struct compiler *compiler, const struct rule_set *rules,
			struct error *err)
{
	const struct names_architecture *pair[2];
	size_t i, n;
	int r;

	for (i = 0; i < compiler->n_architectures; i++) {
		pair[0] = compiler->architectures[i];
		n = 1;
		if (pair[0]->token == AUDIT_ARCH_X86_64) {
			pair[1] = find(compiler, NAMES_X32_TOKEN);
			n += pair[1] != NULL;
		} else if (pair[0]->token == NAMES_X32_TOKEN) {
			if (!find(compiler, AUDIT_ARCH_X86_64))
				return 0;
			continue;
		}
		r = rules_answer(rules, pair, n, &compiler->lists[compiler->n_lists++], err);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int write_program(const struct compiler *compiler, struct seccomp_program *ret_program,
			 struct error *err)
{
	struct bpf_builder builder = {
		.room = arena_array(compiler->arena, BPF_MAXINSNS, sizeof *builder.room),
		.size = BPF_MAXINSNS,
	};

	if (!builder.room)
		return error_oom(err);
	search_write(compiler->lists, compiler->n_lists, &builder);
	if (builder.full)
		return 0;
	ret_program->instructions = builder.room + builder.size - builder.n;
	ret_program->length = (unsigned short)builder.n;
	ret_program->flags = seccomp_flags(compiler->spec);
	return 1;
}

int seccomp_compile_alone(const struct spec_seccomp *spec, struct arena *arena,
			  struct seccomp_program *ret_program, struct error *err)
{
	struct compiler *compiler = arena_alloc(arena, sizeof *compiler);
	struct rule_set *rules;
	int r;

	if (!compiler)
		return error_oom(err);
	compiler->spec = spec;
	compiler->arena = arena;
	if (!add_architectures(compiler))
		return 0;
	r = rules_read(spec, arena, &rules, err);
	if (r < 0)
		return r;
	r = list_answers(compiler, rules, err);
	return r > 0 ? write_program(compiler, ret_program, err) : r;
}

int seccomp_compile_by(enum seccomp_compiler which, const struct spec_seccomp *spec,
		       struct arena *arena, struct seccomp_program *ret_program,
		       struct error *err)
{
	int r;

	*ret_program = (struct seccomp_program){ 0 };
	if (!spec)
		return 0;
	if (which == SECCOMP_BY_LIBSECCOMP)
		return seccomp_reference(spec, arena, ret_program, err);
	r = seccomp_compile_alone(spec, arena, ret_program, err);
	if (r != 0)
		return r < 0 ? r : 0;
	trace_debug(
		"linux.seccomp: compiling by libseccomp, for this profile has rules that meet, "
		"an architecture of its own or too many rules");
	return seccomp_reference(spec, arena, ret_program, err);
}

int seccomp_compile(const struct spec_seccomp *spec, struct arena *arena,
		    struct seccomp_program *ret_program, struct error *err)
{
	return seccomp_compile_by(SECCOMP_BY_TARE, spec, arena, ret_program, err);
}

int seccomp_check_names(const struct spec_seccomp *spec, struct error *err)
{
	size_t i, j;

	for (i = 0; i < spec->n_syscalls; i++)
		for (j = 0; j < spec->syscalls[i].n_names; j++)
			if (names_find(spec->syscalls[i].names[j]) < 0)
				return error_set(err, EINVAL,
						 "linux.seccomp.syscalls[%zu].names[%zu]: "
						 "invalid seccomp syscall \"%.100s\": "
						 "libseccomp does not know it",
						 i, j, spec->syscalls[i].names[j]);
	return 0;
}
