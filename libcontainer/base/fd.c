/* Whole-file input and output. Every descriptor is born O_CLOEXEC. The kernel's virtual files
 * (procfs, cgroupfs) take a value in one write(2) and report its refusal there, so fd_write_file()
 * never splits a value. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

int fd_write_all(int fd, const void *data, size_t length, const char *name, struct error *err)
{
	const char *rest = data;
	ssize_t n;

	while (length > 0) {
		n = write(fd, rest, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "write %s", name);
		rest += n;
		length -= (size_t)n;
	}
	return 0;
}

/* @short_ends: a read that brings less than was asked for was the last one. */
static ssize_t read_whole(int fd, size_t limit, bool short_ends, struct arena *arena,
			  char **ret_text)
{
	size_t capacity = 4096, length = 0;
	char *text, *larger;
	bool ended = false;
	ssize_t n;

	text = arena_alloc(arena, capacity + 1);
	if (!text)
		return -ENOMEM;
	while (!ended) {
		if (length == capacity) {
			larger = arena_alloc(arena, capacity * 4 + 1);
			if (!larger)
				return -ENOMEM;
			memcpy(larger, text, length);
			text = larger;
			capacity *= 4;
		}
		n = read(fd, text + length, capacity - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
		if (length > limit)
			return -EFBIG;
		ended = n == 0 || (short_ends && length < capacity);
	}
	text[length] = '\0';
	*ret_text = text;
	return (ssize_t)length;
}

static ssize_t explain_read(ssize_t n, size_t limit, const char *name, struct error *err)
{
	if (n >= 0)
		return n;
	if (n == -ENOMEM)
		return error_oom(err);
	if (n == -EFBIG)
		return error_set(err, EFBIG, "%s: larger than %zu bytes", name, limit);
	return error_errno(err, (int)-n, "read %s", name);
}

ssize_t fd_read_all(int fd, size_t limit, const char *name, struct arena *arena,
		    char **ret_text, struct error *err)
{
	return explain_read(read_whole(fd, limit, false, arena, ret_text), limit, name, err);
}

ssize_t fd_read_regular(int fd, size_t limit, const char *name, struct arena *arena,
			char **ret_text, struct error *err)
{
	return explain_read(read_whole(fd, limit, true, arena, ret_text), limit, name, err);
}

ssize_t fd_read_file(int dirfd, const char *path, size_t limit, struct arena *arena,
		     char **ret_text, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "open %s", path);
	return fd_read_all(fd, limit, path, arena, ret_text, err);
}

int fd_write_file(int dirfd, const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	size_t length = strlen(text);
	ssize_t n;

	fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "open %s", path);
	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "write \"%s\" to %s", text, path);
	if ((size_t)n != length)
		return error_set(err, EIO, "write \"%s\" to %s: cut short", text, path);
	return 0;
}

/* Whether all three standard streams are there, by one call. */
static bool has_stdio(void)
{
	struct pollfd streams[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	return poll(streams, 3, 0) >= 0 &&
	       !((streams[0].revents | streams[1].revents | streams[2].revents) & POLLNVAL);
}

int fd_ensure_stdio(struct error *err)
{
	int fd;

	if (has_stdio())
		return 0;
	for (;;) {
		fd = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return error_errno(err, errno, "open /dev/null");
		if (fd > 2) {
			close(fd);
			return 0;
		}
		/* standard streams are inherited by the container: no close-on-exec */
		if (fcntl(fd, F_SETFD, 0) < 0)
			return error_errno(err, errno, "fcntl /dev/null");
	}
}
