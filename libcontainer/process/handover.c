/* Sending the pty's master to a console socket, so that an engine's monitor serves the terminal, and
 * the init's pidfd to a pidfd socket, the listener of a system call filter to its agent: one message with
 * one descriptor each.
 * Engines' socket paths can be longer than sun_path (108 bytes): then the connection goes through a
 * descriptor of the socket's file and /proc/self/fd, which unix(7) lets connect(2) follow.
 * Nobody here is waited for without an end: a listener that does not accept while its queue is full, or does not
 * read, would keep the verb, and with it the container's lock. */
#include "process/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* How long a listener may take; of connect(2) and sendmsg(2) alike (SO_SNDTIMEO, socket(7)). */
#define LISTENER_SECONDS 10

static int connect_socket(const char *kind, const char *path, struct error *err)
{
	const struct timeval patience = { .tv_sec = LISTENER_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1, file = -1;

	if (strlen(path) < sizeof address.sun_path) {
		memcpy(address.sun_path, path, strlen(path) + 1);
	} else {
		file = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
		if (file < 0)
			return error_errno(err, errno, "%s socket %s: open", kind, path);
		snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
		return error_errno(err, errno, "setsockopt SO_SNDTIMEO");
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return steal_fd(&fd);
	if (errno == EAGAIN)
		return error_set(
			err, ETIMEDOUT,
			"%s socket %s: connect: its listener accepts nobody: the queue "
			"has been full for %d seconds",
			kind, path, LISTENER_SECONDS);
	return error_errno(err, errno, "%s socket %s: connect", kind, path);
}

/* What does not fit into the socket at once follows without the descriptor. */
static int send_descriptor(int fd, int descriptor, const char *payload)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { 0 };
	struct iovec part;
	struct cmsghdr *c;
	ssize_t n;

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
	while (part.iov_len > 0) {
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		part.iov_base = (char *)part.iov_base + n;
		part.iov_len -= (size_t)n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
	return 0;
}

static int hand_over(const char *kind, const char *path, int descriptor, const char *payload,
		     struct error *err)
{
	_cleanup_fd_ int fd = connect_socket(kind, path, err);
	int r;

	if (fd < 0)
		return fd;
	r = send_descriptor(fd, descriptor, payload);
	return r < 0 ? error_errno(err, -r, "%s socket %s: send", kind, path) : 0;
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

int handover_connect_agent(const char *path, struct error *err)
{
	int fd = connect_socket("agent", path, err);

	return fd < 0 ? error_at(err, "linux.seccomp.listenerPath: failed to connect with "
				      "seccomp agent")
		      : fd;
}

int handover_listener(int agent, int listener, const char *state, struct error *err)
{
	int r = send_descriptor(agent, listener, state);

	return r < 0 ? error_errno(err, -r, "linux.seccomp.listenerPath: send to the agent")
		     : 0;
}
