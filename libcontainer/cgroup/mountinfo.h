/* Lines of /proc/self/mountinfo (proc(5)). Inside this folder only. */
#pragma once

#include <stdbool.h>

/* Splits one line, which is changed, when it is of a file system of @type.
 * @ret_root, @ret_point: what of the file system is mounted, and where; without escapes. */
bool mountinfo_parse(char *line, const char *type, char **ret_root, char **ret_point);
