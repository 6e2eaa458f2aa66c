/* mountinfo, as the finder of the cgroup2 hierarchy reads it. The first line is the own cgroup, the rest the
 * file. What is found is a mount point without a slash at its end, and an absolute path below it. */
#include <string.h>

#include "cgroup/hierarchy.h"
#include "fuzz.h"

static bool usable(const char *path)
{
	/* some are mounted over */
	return strlen(path) % 5 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct cgroup_hierarchy found;
	char *text = arena_strndup(arena, (const char *)data, size);
	const char *own;

	require(text);
	own = strsep(&text, "\n");
	if (!text || own[0] != '/')
		return 0;
	if (cgroup_pick_hierarchy(text, own, usable, arena, &found) < 0)
		return 0;
	require(strcmp(found.mount_point, "/") != 0);
	require(found.own[0] == '/');
	require(strlen(found.own) <= strlen(own));
	return 0;
}
