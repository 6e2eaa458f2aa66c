/* Numbers and sizes of options: what is accepted is -1 or at least 0, and what has neither point nor unit is
 * what it says. */
#include <string.h>

#include "command.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	struct error err = ERROR_INIT;
	int64_t bytes = 0, number = 0;
	int r, s;

	require(text);
	r = size_parse(text, "size", &bytes, &err);
	require_result(r, &err);
	require(r < 0 || bytes >= -1);
	err = ERROR_INIT;
	s = number_parse(text, "number", -1, &number, &err);
	require_result(s, &err);
	require(s < 0 || number >= -1);
	require(r < 0 || s < 0 || bytes == number);
	return 0;
}
