/* Names of signals: a number that the kernel has, or a text that names the word. */
#include "fuzz.h"

#include "command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	struct error err = ERROR_INIT;
	int r;

	require(text);
	r = signal_parse(text, &err);
	require_result(r, &err);
	require(r <= 64);
	return 0;
}
