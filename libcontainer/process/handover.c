/* Sending the pty's master to a console socket, so that an engine's monitor serves the terminal, and
 * the init's pidfd to a pidfd socket: one message with one descriptor each.
 * Engines' socket paths can be longer than sun_path (108 bytes): then the connection goes through a
 * descriptor of the socket's file and /proc/self/fd, which unix(7) lets connect(2) follow. */
#include "process/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static int connect_socket(const char *kind, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1, file = -1;

	if (strlen(path) < sizeof address.sun_path) {
		memcpy(address.sun_path, path, strlen(path) + 1);
	} else {
		file = open(path, O_PATH | O_CLOEXEC);
		if (file < 0)
			return error_errno(err, errno, "%s socket %s: open", kind, path);
		snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return error_errno(err, errno, "%s socket %s: connect", kind, path);
	return steal_fd(&fd);
}

static int hand_over(const char *kind, const char *path, int descriptor, const char *payload,
		     struct error *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	_cleanup_fd_ int fd = -1;
	struct msghdr message = { 0 };
	struct iovec part;
	struct cmsghdr *c;

	fd = connect_socket(kind, path, err);
	if (fd < 0)
		return fd;
	part.iov_base = (void *)payload;
	part.iov_len = strlen(payload);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.space;
	message.msg_controllen = sizeof control.space;
	c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return error_errno(err, errno, "%s socket %s: send", kind, path);
	return 0;
}

int handover_terminal(const char *path, int master, unsigned number, struct error *err)
{
	char name[32];

	snprintf(name, sizeof name, "/dev/pts/%u", number);
	return hand_over("console", path, master, name, err);
}

int handover_pidfd(const char *path, int pidfd, const char *payload, struct error *err)
{
	return hand_over("pidfd", path, pidfd, payload, err);
}
