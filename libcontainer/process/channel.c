/* Messages of one packet each: a fixed header, then text. SOCK_SEQPACKET keeps the boundaries, so nothing is
 * ever parsed out of a stream, and a length that disagrees with the packet is refused (R-PARSE). A packet is taken
 * at once, into room for the longest; the socket buffer (net.core.wmem_default, 208 KiB) holds many. */
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

/* Takes the next packet. A peer that leaves with packets unread makes one call fail with ECONNRESET, in front of
 * what it has sent itself (net/unix/af_unix.c, unix_release_sock()): its last words are still to be read. */
static ssize_t take_packet(int channel, struct msghdr *packet)
{
	bool reset = false;
	ssize_t n;

	for (;;) {
		n = recvmsg(channel, packet, MSG_CMSG_CLOEXEC);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			break;
		reset = reset || errno == ECONNRESET;
	}
	/* without last words it is not the end that execve makes of a start connection */
	if (n == 0 && reset)
		return -ECONNRESET;
	return n < 0 ? -errno : n;
}

static int keep_text(struct channel_message *message, const char *text, size_t length)
{
	message->none[0] = '\0';
	message->text = message->none;
	if (length == 0)
		return 0;
	message->text = malloc(length + 1);
	if (!message->text)
		return -ENOMEM;
	memcpy(message->text, text, length);
	message->text[length] = '\0';
	return 0;
}

int channel_receive(int channel, struct channel_message *message)
{
	char text[CHANNEL_TEXT_MAX];
	struct header header;
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof header },
		{ .iov_base = text, .iov_len = sizeof text },
	};
	union control control;
	struct msghdr packet = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.space,
		.msg_controllen = sizeof control.space,
	};
	ssize_t n;
	int r;

	cleanup_channel_message(message);
	n = take_packet(channel, &packet);
	if (n < 0)
		return (int)n;
	/* an empty packet may bring one, too */
	message->fd = take_fd(&packet);
	if (n == 0) {
		cleanup_fd(&message->fd);
		return 0;
	}
	if (n < (ssize_t)sizeof header || header.length != (size_t)n - sizeof header ||
	    (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -EBADMSG;
	message->type = header.type;
	message->value = header.value;
	r = keep_text(message, text, header.length);
	return r < 0 ? r : 1;
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
