/* Messages of one packet each: a fixed header, then text. SOCK_SEQPACKET keeps the boundaries, so nothing is
 * ever parsed out of a stream, and a length that disagrees with the packet is refused (R-PARSE). The socket
 * buffer (net.core.wmem_default, 208 KiB) holds the largest message at once. */
#include "process/channel.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"

struct header {
	uint32_t type;
	int32_t value;
	uint32_t length; /* of the text that follows */
};

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int channel_pair(int ret_ends[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0)
		return error_errno(err, errno, "socketpair");
	return 0;
}

int channel_send(int channel, enum channel_type type, int32_t value, const char *text, int fd)
{
	size_t length = text ? strlen(text) : 0;
	struct header header = { .type = type, .value = value, .length = (uint32_t)length };
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof header },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = length },
	};
	union control control = { 0 };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = text ? 2 : 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (length > CHANNEL_TEXT_MAX)
		return -E2BIG;
	if (fd >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof control.space;
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	do
		n = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void cleanup_channel_message(struct channel_message *message)
{
	cleanup_fd(&message->fd);
	if (message->text != message->none)
		free(message->text);
	message->text = NULL;
}

/* How long the next packet is, without taking it. A peer that leaves with packets unread makes the next call
 * fail once with ECONNRESET, in front of what it has sent itself (net/unix/af_unix.c, unix_release_sock()):
 * its last words are still to be read. */
static ssize_t next_length(int channel)
{
	bool reset = false;
	ssize_t n;
	char byte;

	for (;;) {
		n = recv(channel, &byte, 1, MSG_PEEK | MSG_TRUNC);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			break;
		reset = reset || errno == ECONNRESET;
	}
	/* without last words it is not the end that execve makes of a start connection */
	if (n == 0 && reset)
		return -ECONNRESET;
	return n < 0 ? -errno : n;
}

static int take_fd(struct msghdr *message)
{
	struct cmsghdr *c;
	int fd = -1;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int channel_receive(int channel, struct channel_message *message)
{
	_cleanup_free_ char *text = NULL;
	struct header header;
	struct iovec parts[2];
	union control control;
	struct msghdr packet = { .msg_iov = parts };
	ssize_t length, n;

	cleanup_channel_message(message);
	length = next_length(channel);
	if (length <= 0)
		return (int)length;
	if (length < (ssize_t)sizeof header ||
	    length > (ssize_t)sizeof header + CHANNEL_TEXT_MAX)
		return -EBADMSG;
	length -= (ssize_t)sizeof header;
	if (length > 0) {
		text = malloc((size_t)length + 1);
		if (!text)
			return -ENOMEM;
		text[length] = '\0';
	}
	parts[0] = (struct iovec){ .iov_base = &header, .iov_len = sizeof header };
	parts[1] = (struct iovec){ .iov_base = text, .iov_len = (size_t)length };
	packet.msg_iovlen = text ? 2 : 1;
	packet.msg_control = control.space;
	packet.msg_controllen = sizeof control.space;
	/* the peer may leave, as above, just before the packet is taken */
	do
		n = recvmsg(channel, &packet, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	message->fd = take_fd(&packet);
	if (n != (ssize_t)sizeof header + length || header.length != (uint32_t)length ||
	    (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -EBADMSG;
	message->type = header.type;
	message->value = header.value;
	message->none[0] = '\0';
	message->text = text ? steal_pointer(text) : message->none;
	return 1;
}

int channel_peek(int channel, uint32_t *ret_type)
{
	struct header header;
	ssize_t n;

	do
		n = recv(channel, &header, sizeof header, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (n != (ssize_t)sizeof header)
		return -EBADMSG;
	*ret_type = header.type;
	return 1;
}

void channel_sink(void *data, int level, const char *text)
{
	int r;

	/* a log line that can't be delivered changes nothing about the operation */
	r = channel_send(*(int *)data, CHANNEL_LOG, level, text, -1);
	(void)r;
}
