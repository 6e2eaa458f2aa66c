/* The stub in front of a filter that answers ENOSYS to system calls that are newer than the profile.
 * Inside this folder (and its tests) only. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* The highest number that the rules name on one architecture. */
struct enosys_limit {
	uint32_t token; /* AUDIT_ARCH_* as in seccomp_data.arch */
	uint32_t highest;
};

/* x32 has the audit token of x86_64 and a bit in each number (arch/x86/include/uapi/asm/unistd.h). */
#define ENOSYS_X32_BIT 0x40000000U

#define ENOSYS_INSTRUCTIONS_MAX(n_limits) (8 * (n_limits))

/* Writes the stub.
 * @limits: several with one token are x86_64 and x32, told apart by ENOSYS_X32_BIT in the number.
 * @stub: room for ENOSYS_INSTRUCTIONS_MAX(n_limits). The filter itself must follow directly.
 * Returns the number of instructions; 0 for no limits. */
size_t enosys_stub(const struct enosys_limit *limits, size_t n_limits,
		   struct sock_filter *stub);
