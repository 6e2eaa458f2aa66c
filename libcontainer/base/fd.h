/* Reading and writing whole files by descriptor. Every descriptor is born O_CLOEXEC. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

/* Writes all @length bytes. EINTR and short writes are continued. @name: of the file, for the error. */
int fd_write_all(int fd, const void *data, size_t length, const char *name,
		 struct error *err) _must_check_;

/* Reads to end of file into @arena.
 * @limit: most bytes to accept; more is EFBIG.
 * @ret_text: NUL-terminated (the NUL is not counted), owned by the arena.
 * Returns the length in bytes. */
ssize_t fd_read_all(int fd, size_t limit, const char *name, struct arena *arena,
		    char **ret_text, struct error *err) _must_check_;

/* The same of a regular file of a local file system, which ends with the first short read: one call less. */
ssize_t fd_read_regular(int fd, size_t limit, const char *name, struct arena *arena,
			char **ret_text, struct error *err) _must_check_;

/* Opens @path below @dirfd read-only and reads it whole; see fd_read_all(). ENOENT is worth handling. */
ssize_t fd_read_file(int dirfd, const char *path, size_t limit, struct arena *arena,
		     char **ret_text, struct error *err) _must_check_;

/* Opens @path below @dirfd write-only (never creating it) and writes @text with one write(2), as
 * files of procfs, sysfs and cgroupfs want it. */
int fd_write_file(int dirfd, const char *path, const char *text,
		  struct error *err) _must_check_;

/* Makes sure that descriptors 0, 1 and 2 are open (on /dev/null if they were not), so that nothing
 * that is opened later takes their numbers. */
int fd_ensure_stdio(struct error *err) _must_check_;
