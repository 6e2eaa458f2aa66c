/* The file that tells the caller of create and run which process the container's init is. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

/* Writes @pid, in the caller's pid namespace, as decimal digits without a newline (contract 5) to @path, which is
 * replaced if it exists; what is there and no regular file (a device, a pipe) is -EINVAL and stays. @arena: for the
 * temporary name. On failure nothing new is left behind. */
int pid_file_write(const char *path, pid_t pid, struct arena *arena,
		   struct error *err) _must_check_;
