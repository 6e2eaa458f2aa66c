/* The channel and the start protocol: packets from a hostile peer. Each begins with a byte that says how many
 * descriptors come along and one for its length in units of 4 bytes. The text of a message ends where its
 * length says, and no descriptor is ever lost: a leak would end in "too many open files". */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "process/channel.h"

#define DESCRIPTORS_MAX 4

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

static void send_packet(int channel, const uint8_t *data, size_t size, unsigned n_fds)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control = { 0 };
	int fds[DESCRIPTORS_MAX] = { channel, channel, channel, channel };
	struct cmsghdr *c;

	if (n_fds > 0) {
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	require(sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
		errno == EAGAIN);
}

/* The lowest free descriptor. */
static int lowest_free(void)
{
	int fd = dup(0);

	require(fd >= 0);
	close(fd);
	return fd;
}

static int receive_one(int channel)
{
	_cleanup_message_ struct channel_message message = CHANNEL_MESSAGE_INIT;
	int r = channel_receive(channel, &message);

	require(r <= 1);
	if (r == 1)
		require(message.text && strlen(message.text) <= CHANNEL_TEXT_MAX);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	int before = lowest_free(), ends[2], r;
	size_t length;

	require(channel_pair(ends, &err) == 0);
	while (size >= 2) {
		length = (size_t)data[1] * 4;
		length = length > size - 2 ? size - 2 : length;
		send_packet(ends[0], data + 2, length, data[0] % (DESCRIPTORS_MAX + 1));
		r = receive_one(ends[1]);
		require(r == 1 || r == 0 || r == -EBADMSG);
		data += 2 + length;
		size -= 2 + length;
	}
	close(ends[0]);
	close(ends[1]);
	require(lowest_free() == before);
	return 0;
}
