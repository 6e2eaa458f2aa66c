/* rtnetlink messages. What a socket sees and changes is the network namespace that it was opened in; the
 * kernel checks the opener's privileges as well as the sender's. With NETLINK_EXT_ACK a refusal comes with
 * the kernel's reason in words ("The interface netns is local"), which no errno could say. */
#include "kernel/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* as the kernel's largest buffer for a dump; a link with many virtual functions takes more than a page */
#define ANSWER_MAX 65536

int netlink_open(void)
{
	_cleanup_fd_ int fd = -1;
	int on = 1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0)
		return -errno;
	return steal_fd(&fd);
}

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
		   const void *body, size_t size)
{
	bool dumps = (flags & NLM_F_DUMP) == NLM_F_DUMP;

	memset(message, 0, sizeof *message);
	message->header = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dumps ? 0 : NLM_F_ACK) | flags),
		.nlmsg_seq = 1,
	};
	memcpy(NLMSG_DATA(&message->header), body, size);
}

int netlink_add(struct netlink_message *message, uint16_t type, const void *data, size_t size)
{
	size_t start = NLMSG_ALIGN(message->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(void *)(message->bytes + start);

	if (start + RTA_SPACE(size) > sizeof message->bytes)
		return -EMSGSIZE;
	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), data, size);
	message->header.nlmsg_len = (uint32_t)(start + RTA_SPACE(size));
	return 0;
}

int netlink_add_u32(struct netlink_message *message, uint16_t type, uint32_t value)
{
	return netlink_add(message, type, &value, sizeof value);
}

int netlink_add_text(struct netlink_message *message, uint16_t type, const char *text)
{
	return netlink_add(message, type, text, strlen(text) + 1);
}

static const struct rtattr *find(const char *bytes, size_t length, uint16_t type)
{
	const struct rtattr *attribute = (const struct rtattr *)(const void *)bytes;

	for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return attribute;
	return NULL;
}

const struct rtattr *netlink_find(const struct nlmsghdr *message, size_t size, uint16_t type,
				  size_t least)
{
	const struct rtattr *found;

	if (message->nlmsg_len < NLMSG_SPACE(size))
		return NULL;
	found = find((const char *)message + NLMSG_SPACE(size),
		     message->nlmsg_len - NLMSG_SPACE(size), type);
	return found && RTA_PAYLOAD(found) >= least ? found : NULL;
}

uint32_t netlink_u32(const struct nlmsghdr *message, size_t size, uint16_t type)
{
	const struct rtattr *found = netlink_find(message, size, type, sizeof(uint32_t));
	uint32_t value = 0;

	if (found)
		memcpy(&value, RTA_DATA(found), sizeof value);
	return value;
}

/* The end of an answer: success, or an errno with the kernel's words. */
static int conclude(const struct nlmsghdr *message, struct error *err)
{
	const struct rtattr *words;
	struct nlmsgerr end;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof end))
		return error_set(err, EBADMSG, "rtnetlink: a short message");
	memcpy(&end, NLMSG_DATA(message), sizeof end);
	if (end.error == 0)
		return 0;
	error_errno(err, -end.error, "rtnetlink");
	words = message->nlmsg_flags & NLM_F_ACK_TLVS
			? netlink_find(message, sizeof end, NLMSGERR_ATTR_MSG, 1)
			: NULL;
	if (words)
		error_hint(err, " (%.*s)", (int)strnlen(RTA_DATA(words), RTA_PAYLOAD(words)),
			   (const char *)RTA_DATA(words));
	return -err->code;
}

static int send_message(int netlink, const struct netlink_message *message, struct error *err)
{
	ssize_t n;

	do
		n = send(netlink, message, message->header.nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, errno, "rtnetlink: send") : 0;
}

struct reading {
	netlink_each *each;
	void *data;
	int result; /* the first failure: the rest is read all the same, or the next call would find it */
	bool complete;
};

static int read_message(struct reading *reading, const struct nlmsghdr *message,
			struct error *err)
{
	reading->complete = message->nlmsg_type == NLMSG_DONE ||
			    message->nlmsg_type == NLMSG_ERROR;
	if (reading->result < 0)
		return reading->result;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return error_set(err, EAGAIN, "rtnetlink: it changed while it was read");
	if (message->nlmsg_type == NLMSG_ERROR)
		return conclude(message, err);
	if (message->nlmsg_type == NLMSG_DONE || !reading->each)
		return 0;
	return reading->each(reading->data, message, err);
}

static int read_packet(int netlink, char *bytes, struct reading *reading, struct error *err)
{
	const struct nlmsghdr *at = (const struct nlmsghdr *)(const void *)bytes;
	struct sockaddr_nl sender = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof sender;
	ssize_t n;

	do
		n = recvfrom(netlink, bytes, ANSWER_MAX, MSG_TRUNC, (struct sockaddr *)&sender,
			     &length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "rtnetlink: recv");
	if (sender.nl_pid != 0)
		return 0; /* a process of that network namespace that plays the kernel */
	if (n > ANSWER_MAX)
		return error_set(err, EMSGSIZE, "rtnetlink: an answer of %zd bytes", n);
	for (; !reading->complete && NLMSG_OK(at, (size_t)n); at = NLMSG_NEXT(at, n))
		reading->result = read_message(reading, at, err);
	return 0;
}

int netlink_call(int netlink, struct netlink_message *message, netlink_each *each, void *data,
		 struct error *err)
{
	_Alignas(struct nlmsghdr) char bytes[ANSWER_MAX];
	struct reading reading = { .each = each, .data = data };
	int r;

	r = send_message(netlink, message, err);
	while (r == 0 && !reading.complete)
		r = read_packet(netlink, bytes, &reading, err);
	return r < 0 ? r : reading.result;
}
