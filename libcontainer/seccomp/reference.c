/* linux.seccomp to a program by libseccomp alone: the reference that compile.c is tested against, and what
 * it falls back on. The choices that are not the specification's are those of compile.c. Library facts: the
 * answer for rules of different action that meet on one call depends on their order, and 2.5.4 can take
 * very long for many such rules. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "seccomp/architecture.h"
#include "seccomp/enosys.h"
#include "seccomp/export.h"
#include "seccomp/names.h"
#include "seccomp/reference.h"
#include "seccomp/rules.h"

#define ARCHITECTURES_MAX 32
#define ARGUMENTS 6
/* Above this many rules a binary tree of numbers is shorter on the way than a list. */
#define TREE_ABOVE 32

struct architecture {
	uint32_t token; /* libseccomp's */
	int highest; /* number that any rule names, -1: none */
	size_t n_rules; /* that this architecture has the system call of */
};

struct compiler {
	const struct spec_seccomp *spec;
	scmp_filter_ctx context;
	uint32_t default_action;
	size_t n_architectures;
	struct architecture architectures[ARCHITECTURES_MAX];
	size_t n_rules;
};

static void cleanup_compiler(struct compiler *compiler)
{
	if (compiler->context)
		seccomp_release(compiler->context);
}

static enum scmp_compare translate_operator(enum spec_seccomp_operator op)
{
	static const enum scmp_compare operators[] = {
		[SPEC_CMP_NE] = SCMP_CMP_NE,
		[SPEC_CMP_LT] = SCMP_CMP_LT,
		[SPEC_CMP_LE] = SCMP_CMP_LE,
		[SPEC_CMP_EQ] = SCMP_CMP_EQ,
		[SPEC_CMP_GE] = SCMP_CMP_GE,
		[SPEC_CMP_GT] = SCMP_CMP_GT,
		[SPEC_CMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
	};

	return operators[op];
}

static int unknown_architecture(size_t index, const char *name, struct error *err)
{
	char version[32];

	seccomp_library_version(version, sizeof version);
	return error_set(err, ENOTSUP,
			 "linux.seccomp.architectures[%zu]: libseccomp %s does not know %s",
			 index, version, name);
}

static int add_architecture(struct compiler *compiler, uint32_t token)
{
	size_t i;
	int r;

	for (i = 0; i < compiler->n_architectures; i++)
		if (compiler->architectures[i].token == token)
			return 0;
	if (i == ARCHITECTURES_MAX)
		return -E2BIG;
	r = seccomp_arch_add(compiler->context, token);
	if (r < 0 && r != -EEXIST)
		return r;
	compiler->architectures[i] = (struct architecture){ .token = token, .highest = -1 };
	compiler->n_architectures++;
	return 0;
}

static int add_architectures(struct compiler *compiler, struct error *err)
{
	const struct spec_seccomp *spec = compiler->spec;
	const struct table_entry *known, *entry;
	size_t i, count;
	int r;

	known = seccomp_architectures(&count);
	r = add_architecture(compiler, seccomp_arch_native());
	if (r < 0)
		return error_errno(err, -r, "linux.seccomp: the native architecture");
	for (i = 0; i < spec->n_architectures; i++) {
		entry = table_find(known, count, spec->architectures[i]);
		if (!entry)
			return unknown_architecture(i, spec->architectures[i], err);
		r = add_architecture(compiler, (uint32_t)entry->value);
		if (r == -EINVAL)
			return unknown_architecture(i, spec->architectures[i], err);
		if (r == -EDOM)
			return error_set(
				err, EINVAL,
				"linux.seccomp.architectures[%zu]: %s has another byte "
				"order than this machine",
				i, spec->architectures[i]);
		if (r < 0)
			return error_errno(err, -r, "linux.seccomp.architectures[%zu]: %s", i,
					   spec->architectures[i]);
	}
	return 0;
}

/* Notes the number of a named system call on each architecture. */
static void note_name(struct compiler *compiler, const char *name, bool is_rule)
{
	struct architecture *a;
	size_t i;
	int number;

	for (i = 0; i < compiler->n_architectures; i++) {
		a = &compiler->architectures[i];
		number = seccomp_syscall_resolve_name_arch(a->token, name);
		if (number < 0)
			continue; /* not there, or only as a part of another call (socketcall) */
		a->n_rules += is_rule;
		if (a->token == SCMP_ARCH_ARM && number >= (int)NAMES_ARM_PRIVATE)
			continue;
		if (number > a->highest)
			a->highest = number;
	}
}

static int add_rule(struct compiler *compiler, uint32_t action, int number, unsigned n_args,
		    const struct scmp_arg_cmp *args)
{
	compiler->n_rules++;
	return seccomp_rule_add_array(compiler->context, action, number, n_args, args);
}

/* Whether two conditions look at the same argument. */
static bool has_alternatives(const struct spec_syscall *rule)
{
	unsigned seen = 0;
	size_t i;

	for (i = 0; i < rule->n_args; i++) {
		if (seen & 1U << rule->args[i].index)
			return true;
		seen |= 1U << rule->args[i].index;
	}
	return false;
}

static int add_rules(struct compiler *compiler, const struct spec_syscall *rule,
		     uint32_t action, int number)
{
	struct scmp_arg_cmp args[ARGUMENTS], arg;
	bool alternatives = has_alternatives(rule);
	unsigned n = 0;
	size_t i;
	int r;

	for (i = 0; i < rule->n_args; i++) {
		const struct spec_seccomp_arg *from = &rule->args[i];

		arg = (struct scmp_arg_cmp){
			.arg = from->index,
			.op = translate_operator(from->op),
			.datum_a = from->value,
			.datum_b = from->value_two,
		};
		if (!alternatives) {
			args[n++] = arg;
			continue;
		}
		r = add_rule(compiler, action, number, 1, &arg);
		if (r < 0)
			return r;
	}
	return alternatives ? 0 : add_rule(compiler, action, number, n, args);
}

static int add_syscalls(struct compiler *compiler, const struct spec_syscall *rule,
			struct error *err)
{
	uint32_t action;
	size_t i;
	int number, r;

	/* libseccomp's words for actions are the kernel's */
	action = rules_action(rule->action, &rule->errno_ret);
	for (i = 0; i < rule->n_names; i++) {
		note_name(compiler, rule->names[i], action != compiler->default_action);
		if (action == compiler->default_action)
			continue;
		number = seccomp_syscall_resolve_name(rule->names[i]);
		if (number == __NR_SCMP_ERROR) {
			trace_debug("linux.seccomp: skipping system call %s, which libseccomp "
				    "does not know",
				    rule->names[i]);
			continue;
		}
		r = add_rules(compiler, rule, action, number);
		if (r == -EEXIST)
			return error_set(err, EINVAL,
					 "%s: another rule has a different action for it",
					 rule->names[i]);
		if (r < 0)
			return error_errno(err, -r, "%s", rule->names[i]);
	}
	return 0;
}

/* libseccomp before 2.5.5 makes a broken tree for an architecture without any rule (its issue 370). */
static bool may_use_tree(const struct compiler *compiler)
{
	const struct scmp_version *version = seccomp_version();
	size_t i;

	if (compiler->n_rules <= TREE_ABOVE)
		return false;
	if (version->major > 2 || version->minor > 5 ||
	    (version->minor == 5 && version->micro > 4))
		return true;
	for (i = 0; i < compiler->n_architectures; i++)
		if (compiler->architectures[i].n_rules == 0)
			return false;
	return true;
}

static size_t collect_limits(const struct compiler *compiler, struct enosys_limit *limits)
{
	size_t i, n = 0;

	if (!rules_want_enosys(compiler->spec))
		return 0;
	for (i = 0; i < compiler->n_architectures; i++) {
		const struct architecture *a = &compiler->architectures[i];

		if (a->highest < 0)
			continue;
		limits[n++] = (struct enosys_limit){
			.token = a->token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : a->token,
			.highest = (uint32_t)a->highest,
		};
	}
	return n;
}

unsigned seccomp_flags(const struct spec_seccomp *spec)
{
	unsigned flags = spec->flags_given ? spec->flags : SECCOMP_FLAG_SPEC_ALLOW;

	if (seccomp_notifies(spec))
		return flags | SECCOMP_FILTER_FLAG_NEW_LISTENER |
		       (flags & SECCOMP_FILTER_FLAG_TSYNC ? SECCOMP_FILTER_FLAG_TSYNC_ESRCH
							  : 0);
	/* it is about a listener, and the kernel refuses it without one */
	return flags & ~SECCOMP_FLAG_WAIT_KILLABLE_RECV;
}

static int finish(const struct compiler *compiler, struct arena *arena,
		  struct seccomp_program *ret_program, struct error *err)
{
	struct enosys_limit limits[ARCHITECTURES_MAX];
	size_t n_limits = collect_limits(compiler, limits), length, n = 0;
	const struct sock_filter *filter;
	struct sock_filter *program;
	int r;

	r = seccomp_export(compiler->context, arena, &filter, &length, err);
	if (r < 0)
		return r;
	program = arena_array(arena, length + ENOSYS_INSTRUCTIONS_MAX(n_limits),
			      sizeof *program);
	if (!program)
		return error_oom(err);
	n = enosys_stub(limits, n_limits, program);
	memcpy(program + n, filter, length * sizeof *program);
	n += length;
	if (n > BPF_MAXINSNS)
		return error_set(
			err, E2BIG,
			"the filter has %zu instructions, and the kernel takes at most "
			"%d: shorten the profile or its architectures",
			n, BPF_MAXINSNS);
	ret_program->instructions = program;
	ret_program->length = (unsigned short)n;
	ret_program->flags = seccomp_flags(compiler->spec);
	return 0;
}

static int compile(struct compiler *compiler, struct arena *arena,
		   struct seccomp_program *ret_program, struct error *err)
{
	const struct spec_seccomp *spec = compiler->spec;
	size_t i;
	int r;

	/* what the kernel can do is the kernel's word when the filter is loaded: without asking it
	 * here, the same profile gives the same program everywhere (level 6 is libseccomp 2.5) */
	r = seccomp_api_set(6);
	if (r < 0)
		return error_errno(err, -r, "linux.seccomp: libseccomp is older than 2.5");
	compiler->default_action = rules_action(spec->default_action, &spec->default_errno_ret);
	compiler->context = seccomp_init(compiler->default_action);
	if (!compiler->context)
		return error_set(err, EINVAL,
				 "linux.seccomp.defaultAction: libseccomp refuses it");
	r = add_architectures(compiler, err);
	if (r < 0)
		return r;
	for (i = 0; i < spec->n_syscalls; i++) {
		r = add_syscalls(compiler, &spec->syscalls[i], err);
		if (r < 0)
			return error_at(err, "linux.seccomp.syscalls[%zu]", i);
	}
	if (may_use_tree(compiler)) {
		r = seccomp_attr_set(compiler->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		if (r < 0)
			trace_debug("linux.seccomp: libseccomp makes no tree: %s",
				    error_errno_text(-r));
	}
	return finish(compiler, arena, ret_program, err);
}

int seccomp_reference(const struct spec_seccomp *spec, struct arena *arena,
		      struct seccomp_program *ret_program, struct error *err)
{
	_cleanup_(cleanup_compiler) struct compiler compiler = { .spec = spec };

	*ret_program = (struct seccomp_program){ 0 };
	return compile(&compiler, arena, ret_program, err);
}
