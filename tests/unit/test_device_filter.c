/* The device filter, compiled and run by a small interpreter of the few eBPF instructions that it is made
 * of; every program must also end on every path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/device_filter.h"

#define R PLAN_ACCESS_READ
#define W PLAN_ACCESS_WRITE
#define M PLAN_ACCESS_MKNOD
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int run(const struct bpf_insn *program, size_t length, struct bpf_cgroup_dev_ctx *device)
{
	uint64_t reg[11] = { 0 };
	size_t at;

	for (at = 0; at < length; at++) {
		const struct bpf_insn *i = &program[at];
		uint64_t *to = &reg[i->dst_reg];

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			*to = *(uint32_t *)((char *)device + i->off);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*to = (uint64_t)(int64_t)i->imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*to = reg[i->src_reg];
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*to &= (uint64_t)(int64_t)i->imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*to >>= i->imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			at += (uint32_t)*to != (uint32_t)i->imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			at += (uint32_t)*to == (uint32_t)i->imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("ran off the end");
	return -1;
}

/* The verifier refuses instructions that no path leads to. All jumps lead forward. */
static void every_instruction_is_reached(const struct bpf_insn *program, size_t length)
{
	bool *reached = calloc(length + 1, sizeof *reached);
	size_t i;

	reached[0] = true;

	for (i = 0; i < length; i++) {
		assert_true(reached[i]);
		if (program[i].code == (BPF_JMP | BPF_EXIT))
			continue;
		reached[i + 1] = true;
		if (BPF_CLASS(program[i].code) == BPF_JMP32) {
			assert_in_range(i + 1 + (size_t)program[i].off, i + 1, length - 1);
			reached[i + 1 + (size_t)program[i].off] = true;
		}
	}
	assert_false(reached[length]);
	free(reached);
}

static struct bpf_cgroup_dev_ctx device_of(char type, unsigned major, unsigned minor,
					   const char *accesses)
{
	unsigned bits = 0;

	bits |= strchr(accesses, 'r') ? BPF_DEVCG_ACC_READ : 0;
	bits |= strchr(accesses, 'w') ? BPF_DEVCG_ACC_WRITE : 0;
	bits |= strchr(accesses, 'm') ? BPF_DEVCG_ACC_MKNOD : 0;
	return (struct bpf_cgroup_dev_ctx){
		.access_type = bits << 16 |
			       (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = major,
		.minor = minor,
	};
}

/* @accesses: letters of "rwm". */
static int ask(const struct plan_device_rule *rules, size_t n, char type, unsigned major,
	       unsigned minor, const char *accesses)
{
	struct bpf_cgroup_dev_ctx device = device_of(type, major, minor, accesses);
	struct bpf_insn *program = NULL;
	ssize_t length = device_filter_compile(rules, n, &program);
	int answer;

	assert_true(length > 0);
	every_instruction_is_reached(program, (size_t)length);
	answer = run(program, (size_t)length, &device);
	free(program);
	return answer;
}

static void denies_without_rules(void **state)
{
	(void)state;
	assert_int_equal(ask(NULL, 0, 'c', 1, 3, "r"), 0);
}

static void lets_the_last_match_decide(void **state)
{
	const struct plan_device_rule rules[] = {
		{ false, 'a', -1, -1, R | W | M }, { true, 'c', 1, -1, R | W | M },
		{ false, 'c', 1, 3, R | W | M },   { true, 'b', 8, 0, R },
		{ true, 'c', -1, -1, M },
	};

	(void)state;
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 5, "rw"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "r"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "m"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "rm"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 0, "r"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 0, "rw"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 0, "m"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 1, "r"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 2, 3, "r"), 0);
}

static void decides_each_access_on_its_own(void **state)
{
	const struct plan_device_rule rules[] = {
		{ true, 'c', 1, 3, R | W },
		{ false, 'c', 1, 3, W },
		{ true, 'c', 10, -1, R },
		{ true, 'c', 10, 200, W },
	};

	(void)state;
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "r"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "w"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 1, 3, "rw"), 0);
	/* allowed by two rules together */
	assert_int_equal(ask(rules, COUNT(rules), 'c', 10, 200, "rw"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 10, 201, "rw"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 10, 200, "rwm"), 0);
}

static void takes_from_a_wildcard(void **state)
{
	const struct plan_device_rule rules[] = {
		{ false, 'c', 5, 5, R | W | M }, /* lost: a catch-all follows */
		{ true, 'a', -1, -1, R | W | M },
		{ false, 'b', -1, -1, W | M },
		{ false, 'a', 7, 7, R | W | M },
	};

	(void)state;
	assert_int_equal(ask(rules, COUNT(rules), 'c', 5, 5, "rwm"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 0, "r"), 1);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 8, 0, "rw"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'c', 7, 7, "r"), 0);
	assert_int_equal(ask(rules, COUNT(rules), 'b', 7, 7, "r"), 0);
}

/* What the rules mean, said in another way. */
static int decide(const struct plan_device_rule *rules, size_t count, char type, int number[2],
		  unsigned accesses)
{
	unsigned bit;
	size_t i;

	for (bit = 1; bit <= M; bit <<= 1) {
		if (!(accesses & bit))
			continue;
		for (i = count; i > 0; i--) {
			const struct plan_device_rule *rule = &rules[i - 1];

			if ((rule->access & bit) && (rule->type == 'a' || rule->type == type) &&
			    (rule->major < 0 || rule->major == number[0]) &&
			    (rule->minor < 0 || rule->minor == number[1]))
				break;
		}
		if (i == 0 || !rules[i - 1].allow)
			return 0;
	}
	return 1;
}

static void means_what_any_rules_say(void **state)
{
	static const char *const letters[] = { "", "r", "w", "rw", "m", "rm", "wm", "rwm" };
	struct plan_device_rule rules[8];
	unsigned round, access;
	size_t count, i;
	int number[2];

	(void)state;
	srand(1);
	for (round = 0; round < 50000; round++) {
		count = (size_t)rand() % COUNT(rules) + 1;
		for (i = 0; i < count; i++)
			rules[i] = (struct plan_device_rule){
				.allow = rand() % 2,
				.type = "abccc"[rand() % 5],
				.major = rand() % 4 - 1,
				.minor = rand() % 4 - 1,
				.access = (uint8_t)(rand() % 2 ? R | W | M : rand() % 7 + 1),
			};
		number[0] = rand() % 4;
		number[1] = rand() % 4;
		access = (unsigned)rand() % 7 + 1;
		assert_int_equal(ask(rules, count, "bc"[round % 2], number[0], number[1],
				     letters[access]),
				 decide(rules, count, "bc"[round % 2], number, access));
	}
}

/* A jump leads over 32767 instructions at most; a major number here has more. */
static void takes_any_number_of_rules(void **state)
{
	enum { MANY = 30000 };
	struct plan_device_rule *rules = calloc(MANY, sizeof *rules);
	struct bpf_insn *program = NULL;
	ssize_t length;
	unsigned i;

	(void)state;
	for (i = 0; i < MANY; i++)
		rules[i] = (struct plan_device_rule){ true, 'c', i < 20000 ? 7 : 8 + i, i,
						      i % 2 ? R : R | W | M };
	length = device_filter_compile(rules, MANY, &program);
	assert_true(length > 0);
	every_instruction_is_reached(program, (size_t)length);
	for (i = 0; i < MANY; i += 997) {
		struct bpf_cgroup_dev_ctx device = device_of('c', i < 20000 ? 7 : 8 + i, i,
							     "rw");

		assert_int_equal(run(program, (size_t)length, &device), i % 2 == 0);
		device.minor++;
		assert_int_equal(run(program, (size_t)length, &device),
				 i < 20000 && i % 2 == 1);
	}
	free(program);
	free(rules);
}

/* One minor number of every major one, and everything else about them, is still few cases; the product of many
 * of both is refused. */
static void refuses_a_product(void **state)
{
	enum { MANY = 1000 };
	struct plan_device_rule rules[MANY];
	struct bpf_insn *program = NULL;
	int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		rules[i] = (struct plan_device_rule){ true, 'c', i % 2 ? i : -1, i % 2 ? -1 : i,
						      R };
	assert_int_equal(device_filter_compile(rules, MANY, &program), -E2BIG);
	assert_int_equal(ask(rules, 100, 'c', 1000, 98, "r"), 1);
	assert_int_equal(ask(rules, 100, 'c', 1000, 99, "r"), 0);
	assert_int_equal(ask(rules, 100, 'c', 99, 99, "r"), 1);
}

/* Containers without rules of their own and privileged ones get a small program: the default rules are ten, and
 * what a catch-all allows anyway needs no test. */
static void stays_small(void **state)
{
	const struct plan_device_rule rules[] = {
		{ true, 'a', -1, -1, R | W | M }, { true, 'c', 1, 3, R | W | M },
		{ true, 'c', 5, -1, R | W | M },  { true, 'b', 8, 0, M },
		{ true, 'c', 7, 7, R | W | M },
	};
	struct bpf_insn *program = NULL;

	(void)state;
	/* the prologue, a test and a result for each type, the end */
	assert_int_equal(device_filter_compile(rules, COUNT(rules), &program), 6 + 2 * 3 + 2);
	free(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denies_without_rules),
		cmocka_unit_test(lets_the_last_match_decide),
		cmocka_unit_test(decides_each_access_on_its_own),
		cmocka_unit_test(takes_from_a_wildcard),
		cmocka_unit_test(means_what_any_rules_say),
		cmocka_unit_test(takes_any_number_of_rules),
		cmocka_unit_test(refuses_a_product),
		cmocka_unit_test(stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
