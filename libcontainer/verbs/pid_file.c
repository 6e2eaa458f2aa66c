/* The pid file. Engines read it as soon as it is there and parse it strictly, so it has no newline and is
 * complete whenever it exists: it is written beside its place, in the same directory, and renamed,
 * which replaces atomically (rename(2)). */
#include "verbs/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* rename(2) would put a file in the place of /dev/null as well, for everyone on the host. */
static int refuse_special(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "pid file: %s is no regular file", path);
	return 0;
}

int pid_file_write(const char *path, pid_t pid, struct arena *arena, struct error *err)
{
	const char *slash = strrchr(path, '/'), *temporary;
	_cleanup_fd_ int fd = -1;
	char text[16];
	int r, n;

	if (slash)
		temporary = arena_printf(arena, "%.*s/.%s", (int)(slash - path), path,
					 slash + 1);
	else
		temporary = arena_printf(arena, ".%s", path);
	if (!temporary)
		return error_oom(err);
	r = refuse_special(path, err);
	if (r < 0)
		return r;
	/* what an earlier call left; never written through, it may be somebody's link in /tmp */
	unlink(temporary);
	fd = openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_errno(err, errno, "pid file: open %s", temporary);
	n = snprintf(text, sizeof text, "%d", (int)pid);
	r = fd_write_all(fd, text, (size_t)n, temporary, err);
	if (r >= 0 && rename(temporary, path) < 0)
		r = error_errno(err, errno, "pid file: rename to %s", path);
	if (r < 0)
		unlink(temporary);
	return r;
}
