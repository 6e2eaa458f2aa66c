/* Comparing two programs: libseccomp's is made in a child with a time limit, because it can hang; both are
 * run by an interpreter, and where they differ, the rules themselves say who is right. */
#include "differential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "machine.h"
#include "seccomp/names.h"
#include "seccomp/reference.h"
#include "seccomp/rules.h"

#define REFERENCE_SECONDS 20
#define VECTORS 48
#define POOL 64
#define UNUSED_ARCHITECTURE 0x12345678U

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

size_t below(size_t limit)
{
	return (size_t)(next_random() % limit);
}

bool one_in(size_t count)
{
	return below(count) == 0;
}

/* ---- the reference ---- */

static void compile_in_child(const struct spec_seccomp *spec, struct arena *arena, int out)
{
	struct seccomp_program program;
	struct error err = ERROR_INIT;
	int r = seccomp_reference(spec, arena, &program, &err);
	size_t size = program.length * sizeof *program.instructions;

	if (write(out, &r, sizeof r) == sizeof r && r == 0)
		r = write(out, program.instructions, size) == (ssize_t)size ? 0 : 1;
	_exit(0);
}

/* Returns the reference's result, or -ETIME. */
static int compile_reference(const struct spec_seccomp *spec, struct arena *arena,
			     struct seccomp_program *ret_program)
{
	struct pollfd poll_in = { .events = POLLIN };
	int ends[2], r = -ETIME;
	size_t size = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 16);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		compile_in_child(spec, arena, ends[1]);
	close(ends[1]);
	poll_in.fd = ends[0];
	ret_program->instructions = arena_array(arena, BPF_MAXINSNS, 8);
	if (poll(&poll_in, 1, REFERENCE_SECONDS * 1000) == 1 &&
	    read(ends[0], &r, sizeof r) == sizeof r) {
		while ((n = read(ends[0], (char *)ret_program->instructions + size,
				 BPF_MAXINSNS * 8 - size)) > 0)
			size += (size_t)n;
	} else {
		kill(pid, SIGKILL);
	}
	close(ends[0]);
	waitpid(pid, NULL, 0);
	ret_program->length = (unsigned short)(size / 8);
	return r;
}

/* ---- the comparison ---- */

struct pair {
	const struct spec_seccomp *spec;
	struct seccomp_program ours, theirs;
	size_t seed;
	size_t asked;
	size_t wrong; /* answers of the library that contradict the rules */
};

static void print_rules(const struct spec_seccomp *spec, const char *only)
{
	size_t i, j;

	for (i = 0; i < spec->n_syscalls; i++) {
		const struct spec_syscall *rule = &spec->syscalls[i];

		for (j = 0; j < rule->n_names; j++)
			if (!only || strcmp(rule->names[j], only) == 0)
				break;
		if (j == rule->n_names)
			continue;
		printf("  %s%s action %d %s%llu:", rule->names[j],
		       rule->n_names > 1 ? "..." : "", (int)rule->action,
		       rule->errno_ret.set ? "errno " : "",
		       (unsigned long long)rule->errno_ret.value);
		for (j = 0; j < rule->n_args; j++)
			printf(" [%u] op %d %#llx %#llx", rule->args[j].index,
			       (int)rule->args[j].op, (unsigned long long)rule->args[j].value,
			       (unsigned long long)rule->args[j].value_two);
		printf("\n");
	}
}

/* What the rules of the profile come to, one by one. */
struct verdict {
	const struct spec_seccomp *spec;
	const struct seccomp_data *data;
	bool narrow, always;
	size_t n;
	uint32_t actions[16]; /* of the rules that hold */
};

static bool condition_holds(const struct spec_seccomp_arg *c, uint64_t given, bool narrow)
{
	uint64_t all = narrow ? UINT32_MAX : UINT64_MAX, value = c->value & all;

	given &= all;
	switch (c->op) {
	case SPEC_CMP_NE:
		return given != value;
	case SPEC_CMP_LT:
		return given < value;
	case SPEC_CMP_LE:
		return given <= value;
	case SPEC_CMP_EQ:
		return given == value;
	case SPEC_CMP_GE:
		return given >= value;
	case SPEC_CMP_GT:
		return given > value;
	case SPEC_CMP_MASKED_EQ:
		break;
	}
	return (given & value) == (c->value_two & value);
}

/* @selector: the first argument is a multiplexer's, so it says nothing; else -1. */
static bool rule_holds(const struct spec_syscall *rule, const struct seccomp_data *data,
		       bool narrow, int selector)
{
	unsigned seen = 0;
	size_t i, held = 0, n = rule->n_args;
	bool twice = false;

	for (i = 0; i < n; i++) {
		const struct spec_seccomp_arg *c = &rule->args[i];

		twice |= (seen & 1U << c->index) != 0;
		seen |= 1U << c->index;
		held += (selector >= 0 && c->index == 0) ||
			condition_holds(c, data->args[c->index], narrow);
	}
	return twice ? held > 0 : held == n;
}

static void judge_name(struct verdict *verdict, const char *name, int selector)
{
	const struct spec_seccomp *spec = verdict->spec;
	uint32_t action,
		ordinary = rules_action(spec->default_action, &spec->default_errno_ret);
	size_t i, j;

	for (i = 0; i < spec->n_syscalls; i++) {
		const struct spec_syscall *rule = &spec->syscalls[i];

		action = rules_action(rule->action, &rule->errno_ret);
		for (j = 0; j < rule->n_names && action != ordinary; j++)
			if (strcmp(rule->names[j], name) == 0)
				break;
		if (action == ordinary || j == rule->n_names || verdict->always ||
		    !rule_holds(rule, verdict->data, verdict->narrow, selector))
			continue;
		verdict->always = rule->n_args == 0 && selector < 0;
		if (verdict->always)
			verdict->n = 0; /* the others are of no importance */
		if (verdict->n < ELEMENTS_OF(verdict->actions))
			verdict->actions[verdict->n++] = action;
	}
}

/* Which architecture's number it is. */
static const struct names_architecture *find_architecture(const struct spec_seccomp *spec,
							  const struct seccomp_data *data)
{
	const struct names_architecture *all;
	size_t count, i, j;

	all = names_architectures(&count);
	for (i = 0; i < count; i++) {
		if (all[i].audit != data->arch ||
		    (all[i].base != 0) != ((uint32_t)data->nr >= NAMES_X32_BIT &&
					   data->arch == AUDIT_ARCH_X86_64))
			continue;
		if (i == 0)
			return &all[i];
		for (j = 0; j < spec->n_architectures; j++)
			if (strcmp(spec->architectures[j], all[i].name) == 0)
				return &all[i];
	}
	return NULL;
}

static bool includes(const struct verdict *verdict, uint32_t action)
{
	size_t i;

	for (i = 0; i < verdict->n; i++)
		if (verdict->actions[i] == action)
			return true;
	return false;
}

/* Whether a rule that holds says what tare answers, and none what libseccomp does. Rules without conditions
 * win. */
static bool judge(const struct pair *pair, const struct seccomp_data *data, uint32_t ours,
		  uint32_t theirs)
{
	const struct spec_seccomp *spec = pair->spec;
	const struct names_architecture *architecture = find_architecture(spec, data);
	const struct names_call *calls = architecture ? names_calls(architecture) : NULL;
	struct verdict verdict = { spec, data };
	uint32_t number = (uint32_t)data->nr;
	enum names_multiplexer kind;
	unsigned selector;
	size_t i;

	if (!architecture)
		return false;
	verdict.narrow = architecture->narrow;
	for (i = 0; i < architecture->n_calls; i++)
		if (names_number(architecture, &calls[i]) == number)
			judge_name(&verdict, names_text(calls[i].name), -1);
	for (i = 0; i < names_count() && !verdict.always; i++) {
		kind = names_part(i, &selector);
		if (((kind == NAMES_SOCKETCALL && number == architecture->socketcall) ||
		     (kind == NAMES_IPC && number == architecture->ipc)) &&
		    number > 0 && data->args[0] == selector)
			judge_name(&verdict, names_text(i), (int)selector);
	}
	if (verdict.n == 0)
		verdict.actions[verdict.n++] = rules_action(spec->default_action,
							    &spec->default_errno_ret);
	return includes(&verdict, ours) && !includes(&verdict, theirs);
}

static void compare_one(struct pair *pair, const struct seccomp_data *data, const char *name)
{
	uint32_t ours = 0, theirs = 0;

	pair->asked++;
	assert_true(machine_run(pair->ours.instructions, pair->ours.length, data, &ours));
	assert_true(machine_run(pair->theirs.instructions, pair->theirs.length, data, &theirs));
	if (ours == theirs)
		return;
	if (judge(pair, data, ours, theirs)) {
		pair->wrong++;
		return;
	}
	print_rules(pair->spec, name);
	fail_msg("profile %zu, default action %d: architecture %#x, number %d (%#x), arguments "
		 "%#llx %#llx %#llx %#llx %#llx %#llx: tare %#x, libseccomp %#x",
		 pair->seed, (int)pair->spec->default_action, data->arch, data->nr,
		 (unsigned)data->nr, (unsigned long long)data->args[0],
		 (unsigned long long)data->args[1], (unsigned long long)data->args[2],
		 (unsigned long long)data->args[3], (unsigned long long)data->args[4],
		 (unsigned long long)data->args[5], ours, theirs);
}

struct pool {
	size_t n[6];
	uint64_t values[6][POOL];
};

static void add_value(struct pool *pool, unsigned index, uint64_t value)
{
	if (pool->n[index] < POOL)
		pool->values[index][pool->n[index]++] = value;
	else
		pool->values[index][below(POOL)] = value;
}

/* Values at which something may change. */
static void add_condition(struct pool *pool, const struct spec_seccomp_arg *arg)
{
	uint64_t value = arg->op == SPEC_CMP_MASKED_EQ ? arg->value_two : arg->value;

	add_value(pool, arg->index, value);
	add_value(pool, arg->index, value + 1);
	add_value(pool, arg->index, value - 1);
	add_value(pool, arg->index, value ^ UINT64_C(1) << below(64));
	add_value(pool, arg->index, (uint32_t)value);
	add_value(pool, arg->index, value ^ UINT64_C(1) << 32);
	if (arg->op == SPEC_CMP_MASKED_EQ) {
		add_value(pool, arg->index, value & arg->value);
		add_value(pool, arg->index, (value & arg->value) | ~arg->value);
		add_value(pool, arg->index, next_random() ^ (arg->value & ~value));
	}
}

/* @name: of a call, or NULL for all rules. Returns whether a rule has conditions. */
static bool fill_pool(const struct spec_seccomp *spec, const char *name, struct pool *pool)
{
	bool found = false;
	size_t i, j;

	memset(pool->n, 0, sizeof pool->n);
	for (i = 0; i < spec->n_syscalls; i++) {
		const struct spec_syscall *rule = &spec->syscalls[i];

		for (j = 0; name && j < rule->n_names; j++)
			if (strcmp(rule->names[j], name) == 0)
				break;
		if (name && j == rule->n_names)
			continue;
		for (j = 0; j < rule->n_args; j++) {
			add_condition(pool, &rule->args[j]);
			found = true;
		}
	}
	for (i = 0; i < 6; i++) {
		add_value(pool, (unsigned)i, 0);
		add_value(pool, (unsigned)i, UINT64_MAX);
		add_value(pool, (unsigned)i, next_random());
	}
	return found;
}

static void compare_vectors(struct pair *pair, struct seccomp_data *data,
			    const struct pool *pool, const char *name)
{
	size_t i, vector;

	for (vector = 0; vector < VECTORS; vector++) {
		for (i = 0; i < 6; i++)
			data->args[i] = pool->values[i][below(pool->n[i])];
		if (name && one_in(2) &&
		    (strcmp(name, "socketcall") == 0 || strcmp(name, "ipc") == 0))
			data->args[0] = below(26);
		compare_one(pair, data, name);
	}
}

static void compare_calls(struct pair *pair, const struct names_architecture *architecture)
{
	const struct names_call *calls = names_calls(architecture);
	struct seccomp_data data = { .arch = architecture->audit };
	struct pool pool;
	size_t i;

	for (i = 0; i < architecture->n_calls; i++) {
		const char *name = names_text(calls[i].name);
		bool joint = strcmp(name, "socketcall") == 0 || strcmp(name, "ipc") == 0;

		data.nr = (int)names_number(architecture, &calls[i]);
		if (fill_pool(pair->spec, joint ? NULL : name, &pool))
			compare_vectors(pair, &data, &pool, name);
	}
}

static void compare_numbers(struct pair *pair, uint32_t audit)
{
	static const uint32_t bases[] = { 0,	      4000,	  5000,
					  6000,	      0xeff00,	  NAMES_X32_BIT - 2,
					  0x7ffffff0, 0x80000000, UINT32_MAX - 4 };
	struct seccomp_data data = { .arch = audit };
	uint32_t number;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(bases); i++) {
		for (number = 0; number < 620; number++) {
			if (bases[i] > bases[i] + number || (bases[i] >> 31 && number > 4))
				break;
			data.nr = (int)(bases[i] + number);
			compare_one(pair, &data, NULL);
		}
	}
}

static void compare(struct pair *pair)
{
	const struct names_architecture *architecture, *all;
	size_t i, count;

	assert_true(machine_accepts(pair->ours.instructions, pair->ours.length));
	assert_true(machine_accepts(pair->theirs.instructions, pair->theirs.length));
	assert_int_equal(pair->ours.flags, pair->theirs.flags);
	all = names_architectures(&count);
	for (i = 0; i < count; i++) /* also those that the profile has not */
		compare_numbers(pair, all[i].audit);
	compare_numbers(pair, UNUSED_ARCHITECTURE);
	compare_calls(pair, &all[0]);
	for (i = 0; i < pair->spec->n_architectures; i++) {
		architecture = names_architecture(pair->spec->architectures[i]);
		assert_non_null(architecture);
		compare_calls(pair, architecture);
	}
}

/* Library fact: without any rule for x32 the program of libseccomp 2.5.4 for x86_64 and x32 compares the
 * architecture with numbers, for it never loads the number. */
static bool is_wrong_in_library(const struct spec_seccomp *spec)
{
	const struct names_architecture *x32 = names_architecture("SCMP_ARCH_X32");
	const struct names_call *calls;
	size_t i, j, k;

	for (i = 0; i < spec->n_architectures; i++)
		if (strcmp(spec->architectures[i], "SCMP_ARCH_X32") == 0)
			break;
	if (i == spec->n_architectures)
		return false;
	calls = names_calls(x32);
	for (i = 0; i < spec->n_syscalls; i++)
		for (j = 0; j < spec->syscalls[i].n_names; j++)
			for (k = 0; k < x32->n_calls; k++)
				if (strcmp(spec->syscalls[i].names[j],
					   names_text(calls[k].name)) == 0 &&
				    rules_action(spec->syscalls[i].action,
						 &spec->syscalls[i].errno_ret) !=
					    rules_action(spec->default_action,
							 &spec->default_errno_ret))
					return false;
	return true;
}

void differential_check(const struct spec_seccomp *spec, size_t seed, struct arena *arena,
			struct tally *tally)
{
	struct pair pair = { .spec = spec, .seed = seed };
	struct error err = ERROR_INIT;
	int ours, theirs;

	ours = seccomp_compile_alone(spec, arena, &pair.ours, &err);
	if (ours < 0)
		fail_msg("%s", err.text);
	if (ours == 0) {
		tally->left++;
		return;
	}
	if (is_wrong_in_library(spec)) {
		tally->wrong++;
		return;
	}
	theirs = compile_reference(spec, arena, &pair.theirs);
	pair.theirs.flags = seccomp_flags(spec);
	if (theirs == -ETIME)
		tally->slow++;
	else if (theirs < 0)
		tally->refused++;
	else {
		compare(&pair);
		tally->compared++;
		tally->contradicted += pair.wrong > 0;
	}
	tally->asked += pair.asked;
}

void differential_report(const char *what, const struct tally *tally)
{
	print_message("%s: %zu profiles compared by %zu questions; %zu left to libseccomp, "
		      "%zu refused by it, %zu too slow in it, %zu wrong in it; in %zu it "
		      "contradicts the rules\n",
		      what, tally->compared, tally->asked, tally->left, tally->refused,
		      tally->slow, tally->wrong, tally->contradicted);
}
