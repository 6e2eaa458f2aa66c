/* The container's /etc/passwd, which is the image's: the home of a user is an absolute path on one line. The
 * first byte is the user's number. */
#include <string.h>

#include "fuzz.h"
#include "process/execute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *home;
	char *text;

	if (size == 0)
		return 0;
	text = arena_strndup(arena, (const char *)data + 1, size - 1);
	require(text);
	home = execute_find_home(text, data[0] % 10);
	require(!home || (home[0] == '/' && !strpbrk(home, ":\n")));
	return 0;
}
