/* The sealed copy of the executable in memory (security rule R-EXE; CVE-2019-5736). These functions need no C
 * library that has started: the entry point (src/entry.c) calls them first, process/reexec.h later. */
#pragma once

#include <stdbool.h>

/* Whether the file is a memfd that nobody can change any more. The kernel answers, so that no name and no
 * variable can pretend. */
bool sealed_copy_is(int file);

/* Makes such a copy of the executable that this process runs from: as much of it as is loaded.
 * @executable: /proc/self/exe, open for reading.
 * @ret_step: the call that failed, as a word for an error's text.
 * Returns a close-on-exec descriptor, or -errno: EACCES where the kernel refuses executable memfds (sysctl
 * vm.memfd_noexec). */
int sealed_copy_make(int executable, const char **ret_step);

/* Executes the copy, which does not return. Returns -errno. */
int sealed_copy_execute(int copy, char *const argv[], char *const environment[]);

/* All of it: for a process that does not run from a sealed copy yet. Returns only when there is nothing to do or
 * something has failed, with everything closed again. */
void sealed_copy_run(char *const argv[], char *const environment[]);

/* Brings in the stack that the process will need, at once instead of by a page fault each page.
 * @stack: where it is now. */
void sealed_copy_stack(const void *stack);
