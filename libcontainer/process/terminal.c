/* Sending the pty's master to a console socket, so that an engine's monitor serves the terminal.
 * Engines' socket paths can be longer than sun_path (108 bytes): then the connection goes through a
 * descriptor of the socket's file and /proc/self/fd, which unix(7) lets connect(2) follow. */
#include "process/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static int connect_socket(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1, file = -1;

	if (strlen(path) < sizeof address.sun_path) {
		memcpy(address.sun_path, path, strlen(path) + 1);
	} else {
		file = open(path, O_PATH | O_CLOEXEC);
		if (file < 0)
			return error_errno(err, errno, "console socket %s: open", path);
		snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return error_errno(err, errno, "console socket %s: connect", path);
	return steal_fd(&fd);
}

int terminal_send(const char *path, int master, unsigned number, struct error *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	_cleanup_fd_ int fd = -1;
	struct msghdr message = { 0 };
	struct iovec part;
	struct cmsghdr *c;
	char name[32];

	fd = connect_socket(path, err);
	if (fd < 0)
		return fd;
	part.iov_base = name;
	part.iov_len = (size_t)snprintf(name, sizeof name, "/dev/pts/%u", number);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.space;
	message.msg_controllen = sizeof control.space;
	c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof master);
	memcpy(CMSG_DATA(c), &master, sizeof master);
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return error_errno(err, errno, "console socket %s: send", path);
	return 0;
}
