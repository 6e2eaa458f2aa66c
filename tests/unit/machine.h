/* The kernel's side of classic BPF for tests: an interpreter, and the checks that it makes when a filter is
 * loaded (bpf_check_classic() and seccomp_check_filter() of the kernel). */
#pragma once

#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether the kernel would take the program. */
static inline bool machine_accepts(const struct sock_filter *program, size_t length)
{
	size_t at, left;

	if (length == 0 || length > BPF_MAXINSNS)
		return false;
	for (at = 0; at < length; at++) {
		const struct sock_filter *i = &program[at];

		left = length - at - 1;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k >= sizeof(struct seccomp_data) || i->k % 4)
				return false;
			break;
		case BPF_JMP | BPF_JA:
			if (i->k >= left)
				return false;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (i->jt >= left || i->jf >= left)
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		default:
			return false;
		}
	}
	return program[length - 1].code == (BPF_RET | BPF_K);
}

static inline bool machine_holds(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default:
		return (a & k) != 0;
	}
}

/* Runs a program. @ret_answer: what it returned. Returns false when it did what it may not. */
static inline bool machine_run(const struct sock_filter *program, size_t length,
			       const struct seccomp_data *data, uint32_t *ret_answer)
{
	uint32_t a = 0;
	size_t at;

	for (at = 0; at < length; at++) {
		const struct sock_filter *i = &program[at];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof *data - 4 || i->k % 4)
				return false;
			memcpy(&a, (const char *)data + i->k, sizeof a);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_RET | BPF_K:
			*ret_answer = i->k;
			return true;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		default:
			if (BPF_CLASS(i->code) != BPF_JMP)
				return false;
			at += machine_holds(i->code, a, i->k) ? i->jt : i->jf;
		}
	}
	return false;
}
