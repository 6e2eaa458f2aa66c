/* Questions about path strings. Nothing here asks the file system; below a root file system paths
 * are only resolved by rootfs/target.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Whether @path begins with a slash. */
bool path_is_absolute(const char *path);

/* Whether @name is one plain file name: not empty, no '/', not "." and not "..". */
bool path_is_name(const char *name);

/* Whether any component of @path is "..". */
bool path_has_dotdot(const char *path);

/* The path without doubled and trailing slashes, "." and "..", the latter resolved lexically and never
 * above the beginning. "" becomes "." and "/" stays. In the arena; NULL when there is no memory. */
char *path_clean(struct arena *arena, const char *path);

/* @base and @path joined by one slash; @path alone when it is absolute. NULL when there is no memory. */
char *path_join(struct arena *arena, const char *base, const char *path);
