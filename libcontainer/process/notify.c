/* Two datagrams to the service manager: MAINPID, and BARRIER with the write end of a pipe. The manager handles
 * its messages in order and closes the descriptor when it comes to the second (sd_notify_barrier(3)), so that
 * the end of the pipe says that the first has been heard. Without it, a process that ends right after its
 * message is no longer known when the message is read, and the message is dropped. A manager that knows no
 * barriers closes the descriptor as well. */
#include "process/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATIENCE 5000 /* milliseconds */

static int open_socket(const char *address, struct error *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t length = strlen(address);
	_cleanup_fd_ int fd = -1;

	if (*address != '/' && *address != '@')
		return error_set(err, ENOTSUP,
				 "NOTIFY_SOCKET=%s: neither a path nor an abstract socket",
				 address);
	if (length >= sizeof name.sun_path)
		return error_set(err, ENAMETOOLONG, "NOTIFY_SOCKET=%s: too long", address);
	memcpy(name.sun_path, address, length);
	if (*address == '@')
		name.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return error_errno(err, errno, "NOTIFY_SOCKET=%s: connect", address);
	return steal_fd(&fd);
}

static int send_barrier(int socket, int descriptor)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char text[] = "BARRIER=1";
	struct iovec part = { .iov_base = text, .iov_len = sizeof text - 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof control.space,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int notify_main_pid(const char *address, pid_t pid, struct error *err)
{
	_cleanup_fd_ int fd = open_socket(address, err), reader = -1, writer = -1;
	struct timeval patience = { .tv_sec = PATIENCE / 1000 };
	struct pollfd poller;
	int ends[2], r, n;
	char text[32];

	if (fd < 0)
		return fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe2");
	reader = ends[0];
	writer = ends[1];
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
		return error_errno(err, errno, "setsockopt(SO_SNDTIMEO)");
	n = snprintf(text, sizeof text, "MAINPID=%d", (int)pid);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) < 0)
		return error_errno(err, errno, "NOTIFY_SOCKET=%s: send", address);
	r = send_barrier(fd, writer);
	if (r < 0)
		return error_errno(err, -r, "NOTIFY_SOCKET=%s: send", address);
	cleanup_fd(&writer);
	poller = (struct pollfd){ .fd = reader, .events = POLLIN };
	r = poll(&poller, 1, PATIENCE);
	if (r < 0)
		return error_errno(err, errno, "poll");
	if (r == 0)
		return error_set(err, ETIMEDOUT,
				 "NOTIFY_SOCKET=%s: the service manager does not answer",
				 address);
	return 0;
}
