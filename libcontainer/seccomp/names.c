/* Looking up names and numbers of system calls in the generated tables. They have no pointers, so that they
 * are not relocated at the start of a program that mostly does without them, and a name is found by one
 * hash. libseccomp needs 0.1 microseconds a name and architecture, and again as much for what it translates
 * from the native number, which is most of the time that compiling a filter takes here. */
#include "seccomp/names.h"

#include <string.h>

#include "base/cleanup.h"
#include "seccomp/seccomp-names.h" /* by generate/seccomp-names.c */

size_t names_count(void)
{
	return ELEMENTS_OF(name_offsets);
}

const char *names_text(size_t index)
{
	return name_texts + name_offsets[index];
}

int names_find(const char *name)
{
	size_t slot = names_hash(name) % ELEMENTS_OF(name_slots);

	for (; name_slots[slot]; slot = (slot + 1) % ELEMENTS_OF(name_slots))
		if (strcmp(names_text(name_slots[slot] - 1U), name) == 0)
			return name_slots[slot] - 1;
	return -1;
}

enum names_multiplexer names_part(size_t index, unsigned *ret_selector)
{
	*ret_selector = name_parts[index] % NAMES_PART_IPC;
	if (!name_parts[index])
		return NAMES_DIRECT;
	return name_parts[index] < NAMES_PART_IPC ? NAMES_SOCKETCALL : NAMES_IPC;
}

const struct names_architecture *names_architectures(size_t *ret_count)
{
	*ret_count = ELEMENTS_OF(architectures);
	return architectures;
}

const struct names_architecture *names_architecture(const char *name)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(architectures); i++)
		if (strcmp(architectures[i].name, name) == 0)
			return &architectures[i];
	return NULL;
}

const struct names_call *names_calls(const struct names_architecture *architecture)
{
	return calls + architecture->first;
}

uint32_t names_number(const struct names_architecture *architecture,
		      const struct names_call *call)
{
	uint32_t low = call->number & (NAMES_SECOND - 1U);

	return architecture->base +
	       (call->number & NAMES_PRIVATE ? NAMES_ARM_PRIVATE + low : low);
}
