/* Mapping more ids than one's own without privileges, by the set-user-id programs newuidmap(1) and
 * newgidmap(1). */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* Has @program ("newuidmap" or "newgidmap", looked for in PATH) write the map of the process @pid, a child of
 * the caller in a user namespace that the caller made.
 * @map: as for /proc/PID/uid_map: lines of "inside outside count".
 * Errors: ENOENT when the program is not installed; EPERM when it refuses, with what it said. */
int map_by_helper(const char *program, pid_t pid, const char *map,
		  struct error *err) _must_check_;
