/* Paths as strings. A cleaned path has no empty component, no "." and, when it is absolute, no ".."; cleaned
 * again it is the same, and joined behind a directory it cannot leave it once it was absolute. */
#include <string.h>

#include "base/path.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const char *path = arena_strndup(arena, (const char *)data, size), *clean, *joined;
	size_t length;

	require(path);
	clean = path_clean(arena, path);
	require(clean && clean[0]);
	length = strlen(clean);
	require(path_is_absolute(clean) == path_is_absolute(path));
	require(!strstr(clean, "//") && !strstr(clean, "/./"));
	require(length == 1 || clean[length - 1] != '/');
	require(!path_is_absolute(clean) || !path_has_dotdot(clean));
	require(strcmp(path_clean(arena, clean), clean) == 0);
	require(!path_is_name(path) || !strpbrk(path, "/"));
	joined = path_join(arena, "/bundle", path);
	require(joined && joined[0] == '/');
	return 0;
}
