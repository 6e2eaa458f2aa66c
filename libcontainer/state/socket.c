/* The start socket: a SOCK_SEQPACKET socket in the container's directory on which init waits for `start`.
 * Its name goes through /proc/self/fd, because sun_path holds 108 bytes and engines' state roots are
 * longer. The file exists as long as the directory; whether somebody waits is decided by the listening
 * descriptor alone, which init closes as soon as it was told to go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "state/state.h"
#include "state/store.h"

/* Every `state` of a created container connects once and goes away again; init clears them from the queue. */
#define BACKLOG 128

static void name_socket(const struct state_dir *dir, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", dir->fd,
		 STATE_START_SOCKET);
}

static int connect_start(const struct state_dir *dir, int flags)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un address;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	name_socket(dir, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	return steal_fd(&fd);
}

int state_connect_start(const struct state_dir *dir)
{
	return connect_start(dir, 0);
}

int state_start_waits(const struct state_dir *dir)
{
	_cleanup_fd_ int fd = connect_start(dir, SOCK_NONBLOCK);

	if (fd >= 0 || fd == -EAGAIN) /* EAGAIN: the queue is full, so somebody listens */
		return 1;
	return fd == -ECONNREFUSED || fd == -ENOENT ? 0 : fd;
}

int state_listen_start(const struct state_dir *dir, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un address;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "create the start socket");
	/* bind(2) gives the file the mode of the socket: it is never open to others, not even for a moment */
	if (fchmod(fd, 0600) < 0)
		return error_errno(err, errno, "change the mode of the start socket");
	name_socket(dir, &address);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return error_errno(err, errno, "bind the start socket");
	if (listen(fd, BACKLOG) < 0)
		return error_errno(err, errno, "listen on the start socket");
	return steal_fd(&fd);
}
