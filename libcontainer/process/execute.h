/* From process.args[0] to an executed program. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

/* Looks args[0] up as execvp(3) does, with PATH of the container's environment, inside the container's root
 * and as the container's user. @ret_program: a path, in the arena.
 * Errors have the texts that engines match (contract 14): `exec: "X": executable file not found in $PATH`,
 * `exec: "/x": stat /x: no such file or directory`, ...: is a directory, ...: permission denied. A name that
 * leads to this very executable (/proc/self/exe) is refused (CVE-2019-5736). */
int execute_find(const struct plan_process *plan, struct arena *arena, const char **ret_program,
		 struct error *err) _must_check_;

/* Adds HOME from the container's /etc/passwd (a regular file, read up to 1 MiB, compared by number alone:
 * CVE-2016-3697), "/" without an entry. Returns a new NULL-terminated environment in the arena; the
 * plan's own when HOME is there. */
int execute_environment(const struct plan_process *plan, struct arena *arena,
			char *const **ret_environment, struct error *err) _must_check_;

/* The home directory of @uid in the text of a passwd file: an absolute path, NULL when there is none.
 * @text: changed in place. */
const char *execute_find_home(char *text, uint32_t uid);
