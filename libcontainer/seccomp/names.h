/* Names and numbers of system calls without a call of libseccomp: tables that generate/seccomp-names.c writes from it
 * when tare is built. Inside this folder (and its tests) only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of names that stand for a part of another call on multiplexing architectures. */
enum names_multiplexer {
	NAMES_DIRECT,
	NAMES_SOCKETCALL,
	NAMES_IPC,
};

struct names_architecture {
	uint32_t token; /* libseccomp's SCMP_ARCH_* */
	uint32_t audit; /* AUDIT_ARCH_* in seccomp_data.arch; x32 has that of x86_64 */
	uint32_t base; /* is added to each number of the table (x32's bit) */
	bool narrow; /* arguments have 32 bits: the higher half is not looked at */
	/* numbers of socketcall(2) and ipc(2), whose first argument says which call is meant; 0: none */
	uint16_t socketcall, ipc;
	uint16_t first, n_calls; /* this architecture's part of the table of calls */
	char name[26]; /* "SCMP_ARCH_X86_64" */
};

/* One call of one architecture; sorted by number within an architecture. */
struct names_call {
	uint16_t name;
	uint16_t number; /* with NAMES_*; names_number() decodes it */
};

/* In names_call.number: libseccomp resolves the name to something else here, and this number is only one of
 * the two ways in (socket(2) and socketcall(2) of x86). */
#define NAMES_SECOND 0x4000
/* In names_call.number: one of the ARM private calls. */
#define NAMES_PRIVATE 0x8000

#define NAMES_ARM_PRIVATE 0x0f0000U /* __ARM_NR_BASE of arch/arm/include/uapi/asm/unistd.h */
/* x32 has the audit token of x86_64 and a bit in each number (arch/x86/include/uapi/asm/unistd.h). */
#define NAMES_X32_BIT 0x40000000U
#define NAMES_X32_TOKEN 0x4000003eU /* SCMP_ARCH_X32 */

/* The hash of a name; generate/seccomp-names.c and names.c must agree on it. FNV-1a. */
static inline uint32_t names_hash(const char *name)
{
	uint32_t hash = 2166136261U;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619U;
	return hash ^ hash >> 15;
}

/* How many names there are; they are counted from 0. */
size_t names_count(void);

/* The index of a name, or -1 when the libseccomp of the build did not know it. */
int names_find(const char *name);

/* The name of an index. For tests. */
const char *names_text(size_t index);

/* Which part of socketcall(2) or ipc(2) a name is where they are multiplexed.
 * @ret_selector: the first argument that means it. */
enum names_multiplexer names_part(size_t index, unsigned *ret_selector);

/* The architectures of this machine's byte order, the native one first.
 * @ret_count: how many. */
const struct names_architecture *names_architectures(size_t *ret_count);

/* The architecture of this name of config.json, or NULL. */
const struct names_architecture *names_architecture(const char *name);

/* The calls of an architecture, n_calls of them, sorted by number. */
const struct names_call *names_calls(const struct names_architecture *architecture);

/* The number as it is in seccomp_data.nr. */
uint32_t names_number(const struct names_architecture *architecture,
		      const struct names_call *call);
