/* Base64, as an annotation carries it: what is decoded is what a text of that length can hold. */
#include <errno.h>

#include "base/base64.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	size_t length = 0;
	void *bytes = NULL;
	int r;

	require(text);
	r = base64_decode(text, arena, &bytes, &length);
	require(r == 0 || r == -EINVAL);
	require(r < 0 || (bytes && length <= size / 4 * 3));
	return 0;
}
