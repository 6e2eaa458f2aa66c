/* A program of the build: asks libseccomp for every name and number of a system call on every architecture
 * of one byte order and writes them as the tables of names.c.
 *
 *     seccomp-names [SCMP_ARCH_NAME]     the native architecture, where tare is built for another machine
 *
 * Library facts: a name has its number where the architecture has the call, a negative one of <seccomp.h>
 * where it has not; -101 to -120 are parts of socketcall(2), -201 to -224 of ipc(2), also where the
 * architecture has the direct call too: then only the number leads to the name. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/names.h"

#define NAMES_MAX 2048
#define NAME_SIZE 64
#define SLOTS 2048
#define NUMBERS_END 8192 /* mips n32, the highest, starts at 6000 */
#define PRIVATE_END 32
#define PART_IPC 64
#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))

#define BIG_ENDIAN_ARCHITECTURE(token) (!((token)&0x40000000U)) /* __AUDIT_ARCH_LE */

static const struct {
	const char *name;
	uint32_t token;
} known[] = {
#define KNOWN(name)         \
	{                   \
#name, name \
	}
	KNOWN(SCMP_ARCH_X86_64),      KNOWN(SCMP_ARCH_X86),	    KNOWN(SCMP_ARCH_X32),
	KNOWN(SCMP_ARCH_ARM),	      KNOWN(SCMP_ARCH_AARCH64),	    KNOWN(SCMP_ARCH_MIPS),
	KNOWN(SCMP_ARCH_MIPS64),      KNOWN(SCMP_ARCH_MIPS64N32),   KNOWN(SCMP_ARCH_MIPSEL),
	KNOWN(SCMP_ARCH_MIPSEL64),    KNOWN(SCMP_ARCH_MIPSEL64N32), KNOWN(SCMP_ARCH_PPC),
	KNOWN(SCMP_ARCH_PPC64),	      KNOWN(SCMP_ARCH_PPC64LE),	    KNOWN(SCMP_ARCH_S390),
	KNOWN(SCMP_ARCH_S390X),	      KNOWN(SCMP_ARCH_PARISC),	    KNOWN(SCMP_ARCH_PARISC64),
	KNOWN(SCMP_ARCH_RISCV64),
#ifdef SCMP_ARCH_LOONGARCH64 /* libseccomp 2.6 */
	KNOWN(SCMP_ARCH_LOONGARCH64), KNOWN(SCMP_ARCH_M68K),	    KNOWN(SCMP_ARCH_SH),
	KNOWN(SCMP_ARCH_SHEB),
#endif
};

struct entry {
	unsigned name;
	uint32_t number; /* without the base */
	bool second;
};

struct generator {
	char names[NAMES_MAX][NAME_SIZE];
	unsigned n_names;
	unsigned parts[NAMES_MAX];
	struct entry entries[NUMBERS_END];
	unsigned n_entries, n_calls;
};

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "seccomp-names: %s: %s\n", which, what);
	exit(1);
}

static int find(const struct generator *generator, const char *name)
{
	unsigned i;

	for (i = 0; i < generator->n_names; i++)
		if (strcmp(generator->names[i], name) == 0)
			return (int)i;
	return -1;
}

static void add_name(struct generator *generator, uint32_t token, uint32_t number)
{
	char *name = seccomp_syscall_resolve_num_arch(token, (int)number);

	if (name && find(generator, name) < 0) {
		if (generator->n_names == NAMES_MAX || strlen(name) >= NAME_SIZE)
			fail("no room", name);
		memcpy(generator->names[generator->n_names++], name, strlen(name) + 1);
	}
	free(name);
}

static uint32_t base_of(uint32_t token)
{
	return token == SCMP_ARCH_X32 ? NAMES_X32_BIT : 0;
}

static void collect_names(struct generator *generator)
{
	uint32_t number;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(known); i++)
		for (number = 0; number < NUMBERS_END; number++)
			add_name(generator, known[i].token, base_of(known[i].token) + number);
	for (number = 0; number < PRIVATE_END; number++)
		add_name(generator, SCMP_ARCH_ARM, NAMES_ARM_PRIVATE + number);
}

static void collect_parts(struct generator *generator)
{
	unsigned name;
	size_t i;
	int number;

	for (name = 0; name < generator->n_names; name++) {
		for (i = 0; i < ELEMENTS_OF(known); i++) {
			number = seccomp_syscall_resolve_name_arch(known[i].token,
								   generator->names[name]);
			if (number <= -101 && number >= -120)
				generator->parts[name] = (unsigned)-number - 100;
			else if (number <= -201 && number >= -224)
				generator->parts[name] = PART_IPC + (unsigned)-number - 200;
		}
	}
}

static void add_entry(struct generator *generator, unsigned name, uint32_t number, bool second)
{
	generator->entries[generator->n_entries++] = (struct entry){ name, number, second };
}

static int compare(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;

	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return (one->name > other->name) - (one->name < other->name);
}

/* The numbers that only lead to a name and not back. Library fact: on mips a number without the offset is
 * resolved as well; those lie below all others. */
static void add_seconds(struct generator *generator, uint32_t token)
{
	uint32_t number, lowest = generator->n_entries ? generator->entries[0].number : 0;
	char *name;

	for (number = lowest; number < NUMBERS_END; number++) {
		name = seccomp_syscall_resolve_num_arch(token, (int)(base_of(token) + number));
		if (name && seccomp_syscall_resolve_name_arch(token, name) < 0)
			add_entry(generator, (unsigned)find(generator, name), number, true);
		free(name);
	}
}

static void collect_entries(struct generator *generator, uint32_t token)
{
	unsigned name;
	int number;

	generator->n_entries = 0;
	for (name = 0; name < generator->n_names; name++) {
		number = seccomp_syscall_resolve_name_arch(token, generator->names[name]);
		if (number >= 0)
			add_entry(generator, name, (uint32_t)number - base_of(token), false);
	}
	qsort(generator->entries, generator->n_entries, sizeof(struct entry), compare);
	add_seconds(generator, token);
	qsort(generator->entries, generator->n_entries, sizeof(struct entry), compare);
}

static unsigned encode(const struct entry *entry)
{
	unsigned flags = entry->second ? NAMES_SECOND : 0;

	if (entry->number >= NAMES_ARM_PRIVATE)
		return (entry->number - NAMES_ARM_PRIVATE) | NAMES_PRIVATE | flags;
	if (entry->number >= NAMES_SECOND)
		fail("a number out of range", "calls");
	return entry->number | flags;
}

static void print_calls(struct generator *generator, uint32_t native)
{
	size_t i;
	unsigned j;

	printf("static const struct names_call calls[] = {\n");
	for (i = 0; i < ELEMENTS_OF(known); i++) {
		if (BIG_ENDIAN_ARCHITECTURE(known[i].token) != BIG_ENDIAN_ARCHITECTURE(native))
			continue;
		collect_entries(generator, known[i].token);
		printf("/* %s */\n", known[i].name);
		for (j = 0; j < generator->n_entries; j++)
			printf("{ %u, %#x },\n", generator->entries[j].name,
			       encode(&generator->entries[j]));
	}
	printf("};\n");
}

static bool is_narrow(uint32_t token)
{
	/* __AUDIT_ARCH_64BIT; __AUDIT_ARCH_CONVENTION_MIPS64_N32 is 64 bits wide and 32 for libseccomp */
	return !(token & 0x80000000U) || token & 0x20000000U;
}

/* The call through which the parts go, if the architecture has one and libseccomp uses it. */
static unsigned multiplexer(uint32_t token, const char *call, const char *part)
{
	int number = seccomp_syscall_resolve_name_arch(token, call);

	return number >= 0 && seccomp_syscall_resolve_name_arch(token, part) < 0
		       ? (unsigned)number
		       : 0;
}

static void print_architecture(struct generator *generator, size_t i)
{
	uint32_t token = known[i].token;
	uint32_t audit = token == SCMP_ARCH_X32 ? (uint32_t)SCMP_ARCH_X86_64 : token;

	collect_entries(generator, token);
	printf("{ %#x, %#x, %#x, %s, %u, %u, %u, %u, \"%s\" },\n", token, audit, base_of(token),
	       is_narrow(token) ? "true" : "false", multiplexer(token, "socketcall", "socket"),
	       multiplexer(token, "ipc", "shmat"), generator->n_calls, generator->n_entries,
	       known[i].name);
}

/* The native one first, as names_architectures() promises, though its calls stand in their own place. */
static void print_architectures(struct generator *generator, uint32_t native)
{
	size_t i, pass;

	printf("static const struct names_architecture architectures[] = {\n");
	for (pass = 0; pass < 2; pass++) {
		generator->n_calls = 0;
		for (i = 0; i < ELEMENTS_OF(known); i++) {
			if (BIG_ENDIAN_ARCHITECTURE(known[i].token) !=
			    BIG_ENDIAN_ARCHITECTURE(native))
				continue;
			collect_entries(generator, known[i].token);
			if ((known[i].token == native) == (pass == 0))
				print_architecture(generator, i);
			generator->n_calls += generator->n_entries;
		}
	}
	printf("};\n");
}

static void print_names(const struct generator *generator)
{
	static uint16_t slots[SLOTS];
	unsigned i, offset = 0, slot;

	printf("static const char name_texts[] =\n");
	for (i = 0; i < generator->n_names; i++)
		printf("\"%s\\0\"\n", generator->names[i]);
	printf(";\nstatic const uint16_t name_offsets[] = {\n");
	for (i = 0; i < generator->n_names; i++) {
		printf("%u,\n", offset);
		offset += (unsigned)strlen(generator->names[i]) + 1;
	}
	printf("};\n#define NAMES_PART_IPC %d\nstatic const uint8_t name_parts[] = {\n",
	       PART_IPC);
	for (i = 0; i < generator->n_names; i++)
		printf("%u,\n", generator->parts[i]);
	for (i = 0; i < generator->n_names; i++) {
		slot = names_hash(generator->names[i]) % SLOTS;
		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint16_t)(i + 1);
	}
	printf("};\nstatic const uint16_t name_slots[] = {\n");
	for (i = 0; i < SLOTS; i++)
		printf("%u,\n", slots[i]);
	printf("};\n");
}

static uint32_t find_native(const char *name)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].token;
	fail("libseccomp does not know it", name);
	return 0;
}

int main(int argc, char **argv)
{
	static struct generator generator;
	uint32_t native = argc > 1 ? find_native(argv[1]) : seccomp_arch_native();

	collect_names(&generator);
	collect_parts(&generator);
	printf("/* Written by generate/seccomp-names.c from libseccomp %u.%u.%u. */\n",
	       seccomp_version()->major, seccomp_version()->minor, seccomp_version()->micro);
	print_names(&generator);
	print_calls(&generator, native);
	print_architectures(&generator, native);
	return 0;
}
