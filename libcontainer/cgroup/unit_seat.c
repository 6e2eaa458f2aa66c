/* Which unit of a user's service manager a cgroup is in. The manager of the user N runs in user@N.service of the
 * system's, and its cgroup tree is below that: slices, whose names repeat their parents', then a scope or a service, and
 * below that what it has made itself (systemd's CGROUP_DELEGATION document). In front of names that the kernel
 * could take for its own files systemd puts "_". */
#include <string.h>

#include "base/arena.h"
#include "cgroup/unit.h"

static bool ends_with(const char *name, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length > n && strncmp(name + length - n, end, n) == 0;
}

/* Behind the component user@N.service of a path, or NULL. */
static const char *below_manager(const char *path)
{
	const char *name = path, *rest;

	while ((name = strstr(name, "/user@"))) {
		name++;
		rest = name + strcspn(name, "/");
		if (ends_with(name, (size_t)(rest - name), ".service"))
			return rest;
	}
	return NULL;
}

int unit_find_seat(const char *path, struct arena *arena, struct unit_seat *ret_seat,
		   struct error *err)
{
	const char *name = below_manager(path), *rest;
	size_t length;

	*ret_seat = (struct unit_seat){ .path = path };
	while (name && *name == '/') {
		name++;
		length = strcspn(name, "/");
		rest = name + length;
		if (ends_with(name, length, ".slice")) {
			name = rest;
			continue;
		}
		if (!ends_with(name, length, ".scope") && !ends_with(name, length, ".service"))
			return 0;
		if (*name == '_') {
			name++;
			length--;
		}
		ret_seat->unit = arena_strndup(arena, name, length);
		ret_seat->below = rest;
		return ret_seat->unit ? 0 : error_oom(err);
	}
	return 0;
}
