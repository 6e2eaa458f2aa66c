/* What this build can filter, for `features` and `--version`. Decided when it is compiled, whatever the
 * host can do (spec 258): the vocabularies of the specification, and the
 * architectures that the libseccomp of the build knows. */
#include <seccomp.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "seccomp/architecture.h"
#include "seccomp/seccomp.h"

static const struct table_entry architectures[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#ifdef SCMP_ARCH_LOONGARCH64 /* libseccomp 2.6 */
	{ "SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", SCMP_ARCH_M68K },
	{ "SCMP_ARCH_SH", SCMP_ARCH_SH },
	{ "SCMP_ARCH_SHEB", SCMP_ARCH_SHEB },
#endif
};

const struct table_entry *seccomp_architectures(size_t *ret_count)
{
	*ret_count = ELEMENTS_OF(architectures);
	return architectures;
}

static void write_names(struct json_writer *writer, const char *key,
			const struct table_entry *entries, size_t count)
{
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < count; i++)
		json_string(writer, entries[i].name);
	json_array_end(writer);
}

void seccomp_features(struct json_writer *writer)
{
	const struct spec_words *actions = spec_words(SPEC_WORDS_SECCOMP_ACTION);
	const struct spec_words *operators = spec_words(SPEC_WORDS_SECCOMP_OPERATOR);
	const struct spec_words *flags = spec_words(SPEC_WORDS_SECCOMP_FLAG);

	write_names(writer, "actions", actions->entries, actions->count);
	write_names(writer, "operators", operators->entries, operators->count);
	write_names(writer, "archs", architectures, ELEMENTS_OF(architectures));
	write_names(writer, "knownFlags", flags->entries, flags->count);
	write_names(writer, "supportedFlags", flags->entries, flags->count);
}

void seccomp_library_version(char *text, size_t size)
{
	const struct scmp_version *version = seccomp_version();

	snprintf(text, size, "%u.%u.%u", version->major, version->minor, version->micro);
}
