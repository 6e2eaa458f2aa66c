/* Durations, as --interval takes them: milliseconds from 0 on, or a text that names the word. Only what is
 * nothing is 0. */
#include <string.h>

#include "command.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	struct error err = ERROR_INIT;
	int r;

	require(text);
	r = duration_parse(text, &err);
	require_result(r, &err);
	require(r <= 0 || strpbrk(text, "123456789"));
	return 0;
}
