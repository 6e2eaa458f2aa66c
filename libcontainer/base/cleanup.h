/* Ownership in names: whoever opens a resource holds it in a variable with a cleanup attribute and
 * hands it on with steal_fd() or steal_pointer(). */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_fd_ _cleanup_(cleanup_fd)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_dir_ _cleanup_(cleanup_dir)
#define _cleanup_file_ _cleanup_(cleanup_file)

#define ELEMENTS_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Takes the descriptor out of *fd, so that its cleanup does nothing. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Takes the pointer out of the variable, so that its cleanup does nothing. */
#define steal_pointer(pointer)                          \
	({                                              \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})
