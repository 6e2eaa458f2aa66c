/* tare's compiler of system call filters against libseccomp: both programs, run by an interpreter, must give
 * the same answer for every number of a system call on every architecture of the profile, with boundary and
 * random arguments. The profiles: those of the engines, each name alone, and random ones, as many of each
 * kind as TARE_SECCOMP_PROFILES says. Two differences are meant: numbers that libseccomp makes up (rules.c)
 * are not asked; and libseccomp 2.5.4 at times makes a program that its own rules contradict: such profiles
 * are counted, and none of an engine may be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "differential.h"
#include "seccomp/names.h"
#include "seccomp/reference.h"

#define RULES_MAX 96
#define NAMES_OF_RULE 24

/* ---- the profiles ---- */

static void answers_alike_for_the_engines(void **state)
{
	static const char *const files[] = { "docker-limits", "podman-rootful",
					     "podman-rootless",
					     "containerd-ctr-limits-seccomp" };
	const char *top = getenv("TARE_SOURCE");
	struct tally tally = { 0 };
	size_t i;

	(void)state;
	random_seed(1);
	for (i = 0; i < ELEMENTS_OF(files); i++) {
		_cleanup_arena_ struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		const struct spec *spec;
		ssize_t length;
		char *text;
		char *path = arena_printf(arena, "%s/tests/data/engine-configs/%s.json",
					  top ? top : ".", files[i]);

		length = fd_read_file(AT_FDCWD, path, JSON_SIZE_MAX, arena, &text, &err);
		assert_true(length > 0);
		assert_int_equal(spec_load(text, (size_t)length, "/bundle", arena, &spec, &err),
				 0);
		differential_check(spec->linux_->seccomp, i, arena, &tally);
	}
	differential_report("engines", &tally);
	assert_int_equal(tally.compared, ELEMENTS_OF(files));
	assert_int_equal(tally.contradicted, 0);
}

/* A profile that is made up. */
struct profile {
	struct spec_seccomp spec;
	struct spec_syscall rules[RULES_MAX];
	struct spec_seccomp_arg args[RULES_MAX][6];
	const char *names[RULES_MAX][NAMES_OF_RULE];
	const char *architectures[16];
};

static struct spec_syscall *new_rule(struct profile *profile, const char *name,
				     enum spec_seccomp_action action, uint64_t value)
{
	size_t i = profile->spec.n_syscalls++;
	struct spec_syscall *rule = &profile->rules[i];

	assert_true(i < RULES_MAX);
	profile->names[i][0] = name;
	*rule = (struct spec_syscall){ .names = profile->names[i],
				       .n_names = 1,
				       .action = action,
				       .args = profile->args[i] };
	if (action == SPEC_ACT_ERRNO || action == SPEC_ACT_TRACE)
		rule->errno_ret = (struct spec_opt_uint){ true, value };
	profile->spec.syscalls = profile->rules;
	return rule;
}

static void add_arg(struct profile *profile, struct spec_syscall *rule,
		    struct spec_seccomp_arg arg)
{
	assert_true(rule->n_args < 6);
	profile->args[rule - profile->rules][rule->n_args++] = arg;
}

static void all_architectures(struct profile *profile, bool x32)
{
	const struct names_architecture *all;
	size_t count, i;

	all = names_architectures(&count);
	for (i = 0; i < count && i < ELEMENTS_OF(profile->architectures); i++)
		if (x32 || strcmp(all[i].name, "SCMP_ARCH_X32") != 0)
			profile->architectures[profile->spec.n_architectures++] = all[i].name;
	profile->spec.architectures = profile->architectures;
}

/* Each name on all architectures: numbers, multiplexers, widths. */
static void answers_alike_for_each_name(void **state)
{
	const struct spec_seccomp_arg first = { .index = 0, .op = SPEC_CMP_GE, .value = 7 };
	const struct spec_seccomp_arg third = { .index = 2,
						.op = SPEC_CMP_NE,
						.value = UINT64_C(0x500000003) };
	size_t n = names_count(), i, step = getenv("TARE_SECCOMP_PROFILES") ? 1 : 7;
	struct tally tally = { 0 };

	(void)state;
	random_seed(2);
	for (i = 0; i < n; i += step) {
		_cleanup_arena_ struct arena *arena = arena_new();
		struct profile *profile = arena_alloc(arena, sizeof *profile);
		struct spec_syscall *rule;

		/* libseccomp takes it for switch_endian(2), whose made-up number it shares */
		if (strcmp(names_text(i), "sys_debug_setcontext") == 0)
			continue;
		all_architectures(profile, i % 2);
		profile->spec.default_action = SPEC_ACT_ALLOW;
		rule = new_rule(profile, names_text(i), SPEC_ACT_ERRNO, 5);
		differential_check(&profile->spec, i, arena, &tally);
		profile->spec.default_action = SPEC_ACT_KILL_PROCESS;
		add_arg(profile, rule, first);
		add_arg(profile, rule, third);
		differential_check(&profile->spec, i, arena, &tally);
	}
	differential_report("names", &tally);
	assert_int_equal(tally.left + tally.refused + tally.slow + tally.contradicted, 0);
}

static uint64_t random_value(void)
{
	switch (below(6)) {
	case 0:
		return below(4);
	case 1:
		return (uint32_t)next_random();
	case 2:
		return next_random();
	case 3:
		return UINT64_C(1) << below(64);
	case 4:
		return (uint64_t)below(3) << 32 | below(3);
	default:
		return one_in(2) ? UINT64_MAX : UINT32_MAX;
	}
}

static struct spec_seccomp_arg random_arg(unsigned index)
{
	struct spec_seccomp_arg arg = { .index = index, .value = random_value() };

	arg.op = (enum spec_seccomp_operator)below(7);
	if (arg.op == SPEC_CMP_MASKED_EQ)
		arg.value_two = one_in(8) ? random_value() : random_value() & arg.value;
	return arg;
}

static enum spec_seccomp_action random_action(void)
{
	return (enum spec_seccomp_action)below(SPEC_ACT_NOTIFY);
}

/* Arguments above @above get conditions, at most one each. */
static void add_more(struct profile *profile, struct spec_syscall *rule, unsigned above)
{
	unsigned i;

	for (i = above; i < 6 && one_in(2); i++)
		if (one_in(2))
			add_arg(profile, rule, random_arg(i));
}

static void begin_profile(struct profile *profile)
{
	static const char *const x86[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
					   "SCMP_ARCH_X32" };
	struct spec_seccomp *spec = &profile->spec;
	const struct names_architecture *all;
	size_t count, i;

	all = names_architectures(&count);
	spec->default_action = random_action();
	if (spec->default_action == SPEC_ACT_ERRNO && one_in(2))
		spec->default_errno_ret = (struct spec_opt_uint){ true, one_in(2) ? 38 : 7 };
	spec->n_architectures = below(4);
	spec->architectures = profile->architectures;
	for (i = 0; i < spec->n_architectures; i++)
		profile->architectures[i] = one_in(3) ? all[below(count)].name : x86[i];
	spec->flags_given = one_in(2);
}

/* Names that are not used twice in a profile, so that each rule stands alone: every step-th from a start. */
struct chooser {
	size_t at, step;
};

static const char *choose(struct chooser *chooser)
{
	static const char *const likely[] = { "socket", "clone", "shmat", "recv", "accept4" };
	const char *name;

	if (one_in(40))
		return likely[below(ELEMENTS_OF(likely))];
	do {
		chooser->at = (chooser->at + chooser->step) % names_count();
		name = names_text(chooser->at);
	} while (strcmp(name, "sys_debug_setcontext") == 0);
	return name;
}

/* Many names, no conditions. */
static void add_plain(struct profile *profile, struct chooser *chooser)
{
	struct spec_syscall *rule = new_rule(profile, choose(chooser), random_action(),
					     below(200));
	size_t more = below(NAMES_OF_RULE);

	for (; rule->n_names < more; rule->n_names++)
		profile->names[rule - profile->rules][rule->n_names] = choose(chooser);
}

/* Rules for one call that are of one action, with any conditions. */
static void add_equal(struct profile *profile, const char *name)
{
	enum spec_seccomp_action action = random_action();
	size_t i, n = 1 + below(4);

	for (i = 0; i < n; i++)
		add_more(profile, new_rule(profile, name, action, 9), (unsigned)below(5));
}

/* Rules for one call of different actions, no two of which can apply. */
static void add_disjoint(struct profile *profile, const char *name)
{
	static const enum spec_seccomp_operator opposites[][2] = {
		{ SPEC_CMP_EQ, SPEC_CMP_NE },
		{ SPEC_CMP_LT, SPEC_CMP_GE },
		{ SPEC_CMP_LE, SPEC_CMP_GT },
	};
	uint64_t value = (uint32_t)random_value(), mask = UINT64_C(7) << below(20);
	unsigned index = (unsigned)below(6), kind = (unsigned)below(5);
	size_t i, n = kind < 3 ? 2 : 1 + below(4);
	struct spec_syscall *rule;

	for (i = 0; i < n; i++) {
		struct spec_seccomp_arg arg = { .index = index, .op = SPEC_CMP_EQ };

		rule = new_rule(profile, name, random_action(), i);
		arg.value = kind < 3 ? value : value + i;
		if (kind < 3) {
			arg.op = opposites[kind][i];
		} else if (kind == 4) {
			arg.op = SPEC_CMP_MASKED_EQ;
			arg.value = mask;
			arg.value_two = (mask & -mask) * i;
		}
		add_arg(profile, rule, arg);
		add_more(profile, rule, index + 1);
	}
}

/* As podman's rules for socket(2): "equal" and "not equal", which may meet. */
static void add_nodes(struct profile *profile, const char *name)
{
	size_t i, n = 2 + below(4);
	unsigned index = (unsigned)below(3);
	struct spec_syscall *rule;

	for (i = 0; i < n; i++) {
		struct spec_seccomp_arg arg = { .index = index, .value = below(4) };

		arg.op = one_in(3) ? SPEC_CMP_NE : SPEC_CMP_EQ;
		rule = new_rule(profile, name, one_in(2) ? SPEC_ACT_ALLOW : SPEC_ACT_ERRNO,
				below(3));
		add_arg(profile, rule, arg);
		if (one_in(3))
			add_more(profile, rule, index + 1);
	}
}

static size_t wanted(void)
{
	const char *text = getenv("TARE_SECCOMP_PROFILES");

	return text ? (size_t)strtoul(text, NULL, 10) : 40;
}

typedef void add_function(struct profile *profile, const char *name);

static void check_random(const char *what, add_function *add, struct tally *tally)
{
	size_t seed, i, n;

	for (seed = 0; seed < wanted(); seed++) {
		_cleanup_arena_ struct arena *arena = arena_new();
		struct profile *profile = arena_alloc(arena, sizeof *profile);
		struct chooser chooser;

		random_seed((seed + 1) * UINT64_C(0x9e3779b97f4a7c15));
		for (i = 0; i < 8; i++)
			next_random();
		chooser = (struct chooser){ below(names_count()), 1 + 2 * below(100) };
		begin_profile(profile);
		for (n = below(12), i = 0; i < n; i++) {
			if (one_in(2))
				add_plain(profile, &chooser);
			else
				add(profile, choose(&chooser));
		}
		differential_check(&profile->spec, seed, arena, tally);
	}
	differential_report(what, tally);
}

static void answers_alike_for_equal_actions(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	check_random("equal actions", add_equal, &tally);
}

static void answers_alike_for_disjoint_rules(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	check_random("disjoint rules", add_disjoint, &tally);
}

static void answers_alike_for_rules_that_meet(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	check_random("rules that meet", add_nodes, &tally);
}

/* A filter whose jumps do not reach: each name of one architecture has a condition of its own. */
static void answers_alike_when_jumps_are_far(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct spec_seccomp spec = { .default_action = SPEC_ACT_KILL_PROCESS };
	size_t n = names_count(), i;
	struct spec_syscall *rules = arena_array(arena, n, sizeof *rules);
	struct spec_seccomp_arg *args = arena_array(arena, n, sizeof *args);
	const char **names = arena_array(arena, n, sizeof *names);
	struct seccomp_program program;
	struct tally tally = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	random_seed(3);
	for (i = 0; i < n; i++) {
		args[i] = (struct spec_seccomp_arg){ .index = (uint32_t)(i % 6),
						     .op = i % 2 ? SPEC_CMP_NE : SPEC_CMP_EQ,
						     .value = i };
		names[i] = names_text(i);
		rules[i] = (struct spec_syscall){ .names = &names[i],
						  .n_names = 1,
						  .action = i % 3 ? SPEC_ACT_ALLOW
								  : SPEC_ACT_ERRNO,
						  .n_args = 1,
						  .args = &args[i] };
	}
	spec.syscalls = rules;
	spec.n_syscalls = n;
	differential_check(&spec, 0, arena, &tally);
	assert_int_equal(tally.compared, 1);
	/* three architectures of it are too long; libseccomp shares what they have in common */
	spec.architectures = (const char *const[]){ "SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64",
						    "SCMP_ARCH_RISCV64" };
	spec.n_architectures = 3;
	assert_int_equal(seccomp_compile_alone(&spec, arena, &program, &err), 0);
	assert_int_equal(seccomp_compile(&spec, arena, &program, &err), 0);
	assert_true(program.length > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_alike_for_the_engines),
		cmocka_unit_test(answers_alike_for_each_name),
		cmocka_unit_test(answers_alike_when_jumps_are_far),
		cmocka_unit_test(answers_alike_for_equal_actions),
		cmocka_unit_test(answers_alike_for_disjoint_rules),
		cmocka_unit_test(answers_alike_for_rules_that_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
