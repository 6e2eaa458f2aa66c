/* The files of a cgroup directory: short texts of words or of "key value" lines (the kernel's
 * Documentation/admin-guide/cgroup-v2.rst calls the latter flat keyed). Inside this folder only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads the file @name below @dir whole, at most @size - 1 bytes of it.
 * @text: NUL-terminated, without the newline at its end.
 * Returns the length, or -errno. */
ssize_t cgroup_file_read(int dir, const char *name, char *text, size_t size);

/* Whether @word is one of the words of @text, which are separated by white space. */
bool cgroup_has_word(const char *text, const char *word);

/* The number behind @key in a flat keyed text. Returns 0, or -ENOENT. */
int cgroup_flat_keyed(const char *text, const char *key, uint64_t *ret_value);

/* Opens a directory for CLONE_INTO_CGROUP and reading; follows no link. Returns it or -errno. */
int cgroup_open(int dirfd, const char *name);

/* Calls @each for the cgroup @dir and every one below it, each before its children; what vanishes meanwhile is
 * passed over. Ends with what @each returns below 0, but for -ENOENT and -ENODEV of a cgroup below, and with
 * -ELOOP at 64 levels. */
int cgroup_each(int dir, int (*each)(void *data, int dir), void *data);

/* Calls @each for every process of the cgroup @dir and of those below it, with its pid in the caller's
 * pid namespace (processes that are not visible there are left out).
 * Returns how many there were, or -errno. */
ssize_t cgroup_each_process(int dir, void (*each)(void *data, pid_t pid), void *data);
