/* A profile that allows a list and denies the rest with EPERM breaks programs when the C library learns a
 * new system call: it falls back on ENOSYS only. So a number above the highest that the profile names on
 * an architecture, one that its author cannot have known, gets ENOSYS (contract of the engines, 7.16).
 *
 * The stub is classic BPF in front of the filter. For each architecture: is it this one, then compare the
 * number; then on to the filter, which loads what it needs itself. Kernel facts: the numbers of the ARM
 * private calls (0xf0000 and up) lie far above all others, and seccomp_data has the native byte order. */
#include "seccomp/enosys.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#define ARM_PRIVATE 0x0f0000U /* __ARM_NR_BASE of arch/arm/include/uapi/asm/unistd.h */

#define LOAD(field)                                             \
	((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
				      offsetof(struct seccomp_data, field)))
#define JUMP(test, value, yes, no) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, value, yes, no))
#define RETURN_ENOSYS() \
	((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS))

static bool is_x32(const struct enosys_limit *limit)
{
	return limit->token == AUDIT_ARCH_X86_64 && (limit->highest & ENOSYS_X32_BIT);
}

/* Distances of jumps are filled in when the parts behind them are there. */
#define TO_FILTER 0
#define TO_NEXT_PART 1

static size_t write_test(uint32_t highest, struct sock_filter *stub)
{
	size_t n = 0;

	stub[n++] = JUMP(BPF_JGT, highest, 0, 1);
	stub[n++] = RETURN_ENOSYS();
	stub[n++] = JUMP(BPF_JA, TO_FILTER, 0, 0);
	return n;
}

/* The part behind "is it this architecture". Numbers of the other ABI with the same token are left to its
 * own part, and the ARM private calls to the filter. */
static size_t write_part(const struct enosys_limit *limit, struct sock_filter *stub)
{
	size_t n = 0;

	stub[n++] = LOAD(nr);
	if (is_x32(limit)) {
		stub[n++] = JUMP(BPF_JGE, ENOSYS_X32_BIT, 1, 0);
		stub[n++] = JUMP(BPF_JA, TO_NEXT_PART, 0, 0);
	} else if (limit->token == AUDIT_ARCH_X86_64 || limit->token == AUDIT_ARCH_ARM) {
		stub[n++] = JUMP(BPF_JGE,
				 limit->token == AUDIT_ARCH_ARM ? ARM_PRIVATE : ENOSYS_X32_BIT,
				 0, 1);
		stub[n++] = JUMP(BPF_JA, TO_NEXT_PART, 0, 0);
	}
	return n + write_test(limit->highest, stub + n);
}

static void fill_in(struct sock_filter *stub, size_t first, size_t end, uint32_t mark)
{
	size_t i;

	for (i = first; i < end; i++)
		if (stub[i].code == (BPF_JMP | BPF_JA | BPF_K) && stub[i].k == mark)
			stub[i].k = (uint32_t)(end - i - 1);
}

size_t enosys_stub(const struct enosys_limit *limits, size_t n_limits, struct sock_filter *stub)
{
	size_t n = 0, i, first, length;

	for (i = 0; i < n_limits; i++) {
		first = n;
		stub[n++] = LOAD(arch);
		n++;
		length = write_part(&limits[i], stub + n);
		stub[first + 1] = JUMP(BPF_JEQ, limits[i].token, 0, (uint8_t)length);
		n += length;
		fill_in(stub, first, n, TO_NEXT_PART);
	}
	fill_in(stub, 0, n, TO_FILTER);
	return n;
}
