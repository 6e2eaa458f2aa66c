/* One call of rtnetlink. What a socket sees and changes is the network namespace that it was opened in; the kernel
 * checks the opener's privileges as well as the sender's. With NETLINK_EXT_ACK a refusal comes with the kernel's
 * reason in words ("The interface netns is local"), which no errno could say. The loop around an answer is not
 * mnl_cb_run()'s: that ends at the first failure, and the rest of a dump would answer the next call; nor is
 * mnl_socket_recvfrom() used, which does not tell who has sent a packet. */
#include "helpers/rtnl.h"

#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define LIBRARY "libmnl.so.0"

/* as the kernel's largest buffer for a dump; a link with many virtual functions takes more than a page */
#define ANSWER_MAX 65536

#define READ_AGAIN_MAX 10

#define FUNCTIONS(each)                                                                   \
	each(mnl_socket_open2) each(mnl_socket_close) each(mnl_socket_get_fd) each(       \
		mnl_socket_setsockopt) each(mnl_socket_sendto) each(mnl_nlmsg_put_header) \
		each(mnl_nlmsg_put_extra_header) each(mnl_nlmsg_ok) each(mnl_nlmsg_next)  \
			each(mnl_nlmsg_get_payload) each(mnl_nlmsg_get_payload_len)       \
				each(mnl_attr_parse) each(mnl_attr_get_type)              \
					each(mnl_attr_get_payload)                        \
						each(mnl_attr_get_payload_len)            \
							each(mnl_attr_put_check)

#define MEMBER(name) __typeof__(&name) name;
static struct {
	FUNCTIONS(MEMBER)
} mnl;

int rtnl_load(struct error *err)
{
	/* never closed: it is used until the end */
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(
			err, ENOENT,
			"%s (network devices need it: install libmnl0, elsewhere libmnl)",
			dlerror());
#define LOOK_UP(name)                                        \
	*(void **)(void *)&mnl.name = dlsym(library, #name); \
	if (!mnl.name)                                       \
		return error_set(err, ENOENT, LIBRARY " is too old: it has no " #name);
	FUNCTIONS(LOOK_UP)
	return 0;
}

int rtnl_open(struct mnl_socket **ret_socket, struct error *err)
{
	struct mnl_socket *opened = mnl.mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (!opened)
		return error_errno(err, errno, "open an rtnetlink socket");
	if (mnl.mnl_socket_setsockopt(opened, NETLINK_EXT_ACK, &on, sizeof on) < 0 ||
	    mnl.mnl_socket_setsockopt(opened, NETLINK_CAP_ACK, &on, sizeof on) < 0) {
		error_errno(err, errno, "open an rtnetlink socket");
		rtnl_close(&opened);
		return -err->code;
	}
	*ret_socket = opened;
	return 0;
}

int rtnl_open_in(int namespace, int home, struct mnl_socket **ret_socket, struct error *err)
{
	int r;

	if (setns(namespace, CLONE_NEWNET) < 0)
		return error_errno(err, errno,
				   "enter the container's network namespace: setns");
	r = rtnl_open(ret_socket, err);
	if (setns(home, CLONE_NEWNET) < 0 && r >= 0) {
		error_errno(err, errno, "leave the container's network namespace: setns");
		rtnl_close(ret_socket);
	}
	return -err->code;
}

void rtnl_close(struct mnl_socket **socket)
{
	if (*socket)
		mnl.mnl_socket_close(*socket);
	*socket = NULL;
}

void rtnl_begin(struct rtnl_request *request, uint16_t type, uint16_t flags, const void *body,
		size_t size)
{
	bool dumps = (flags & NLM_F_DUMP) == NLM_F_DUMP;
	struct nlmsghdr *header = mnl.mnl_nlmsg_put_header(request->bytes);

	request->full = false;
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dumps ? 0 : NLM_F_ACK) | flags);
	header->nlmsg_seq = 1;
	memcpy(mnl.mnl_nlmsg_put_extra_header(header, size), body, size);
}

void rtnl_add(struct rtnl_request *request, uint16_t type, const void *data, size_t size)
{
	if (!mnl.mnl_attr_put_check(&request->header, sizeof request->bytes, type, size, data))
		request->full = true;
}

void rtnl_add_u32(struct rtnl_request *request, uint16_t type, uint32_t value)
{
	rtnl_add(request, type, &value, sizeof value);
}

void rtnl_add_text(struct rtnl_request *request, uint16_t type, const char *text)
{
	rtnl_add(request, type, text, strlen(text) + 1);
}

const void *rtnl_body(const struct nlmsghdr *message, uint16_t type, size_t size)
{
	return message->nlmsg_type == type && mnl.mnl_nlmsg_get_payload_len(message) >= size
		       ? mnl.mnl_nlmsg_get_payload(message)
		       : NULL;
}

const void *rtnl_payload(const struct nlattr *attribute, uint16_t *ret_type, size_t *ret_size)
{
	if (ret_type)
		*ret_type = mnl.mnl_attr_get_type(attribute);
	*ret_size = mnl.mnl_attr_get_payload_len(attribute);
	return mnl.mnl_attr_get_payload(attribute);
}

struct walk {
	rtnl_attribute *each;
	void *data;
};

static int each_step(const struct nlattr *attribute, void *data)
{
	struct walk *walk = data;

	walk->each(walk->data, attribute);
	return MNL_CB_OK;
}

void rtnl_each_attribute(const struct nlmsghdr *message, size_t size, rtnl_attribute *each,
			 void *data)
{
	struct walk walk = { each, data };

	mnl.mnl_attr_parse(message, (unsigned)size, each_step, &walk);
}

struct search {
	uint16_t type;
	const struct nlattr *found;
};

static void compare(void *data, const struct nlattr *attribute)
{
	struct search *search = data;

	if (!search->found && mnl.mnl_attr_get_type(attribute) == search->type)
		search->found = attribute;
}

const void *rtnl_find(const struct nlmsghdr *message, size_t size, uint16_t type, size_t least,
		      size_t *ret_size)
{
	struct search search = { .type = type };
	const void *payload;
	size_t length;

	rtnl_each_attribute(message, size, compare, &search);
	if (!search.found)
		return NULL;
	payload = rtnl_payload(search.found, NULL, &length);
	if (ret_size)
		*ret_size = length;
	return length >= least ? payload : NULL;
}

uint32_t rtnl_u32(const struct nlmsghdr *message, size_t size, uint16_t type)
{
	uint32_t value = 0;
	const void *found = rtnl_find(message, size, type, sizeof value, NULL);

	if (found)
		memcpy(&value, found, sizeof value);
	return value;
}

/* The end of an answer: success, or an errno with the kernel's words. */
static int conclude(const struct nlmsghdr *message, struct error *err)
{
	const struct nlmsgerr *end = rtnl_body(message, NLMSG_ERROR, sizeof *end);
	const char *words = NULL;
	size_t length = 0;

	if (!end)
		return error_set(err, EBADMSG, "rtnetlink: a short message");
	if (end->error == 0)
		return 0;
	error_errno(err, -end->error, "rtnetlink");
	if (message->nlmsg_flags & NLM_F_ACK_TLVS)
		words = rtnl_find(message, sizeof *end, NLMSGERR_ATTR_MSG, 1, &length);
	if (words)
		error_hint(err, " (%.*s)", (int)strnlen(words, length), words);
	return -err->code;
}

static int send_request(const struct mnl_socket *socket, const struct rtnl_request *request,
			struct error *err)
{
	ssize_t n;

	if (request->full)
		return error_errno(err, EMSGSIZE, "rtnetlink: a request");
	do
		n = mnl.mnl_socket_sendto(socket, request->bytes, request->header.nlmsg_len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, errno, "rtnetlink: send") : 0;
}

struct reading {
	rtnl_each *each;
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

static int read_packet(const struct mnl_socket *socket, char *bytes, struct reading *reading,
		       struct error *err)
{
	const struct nlmsghdr *at = (const struct nlmsghdr *)(const void *)bytes;
	struct sockaddr_nl sender = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof sender;
	ssize_t n;
	int left;

	do
		n = recvfrom(mnl.mnl_socket_get_fd(socket), bytes, ANSWER_MAX, MSG_TRUNC,
			     (struct sockaddr *)&sender, &length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "rtnetlink: recv");
	if (sender.nl_pid != 0)
		return 0; /* a process of that network namespace that plays the kernel */
	if (n > ANSWER_MAX)
		return error_set(err, EMSGSIZE, "rtnetlink: an answer of %zd bytes", n);
	left = (int)n;
	for (; !reading->complete && mnl.mnl_nlmsg_ok(at, left);
	     at = mnl.mnl_nlmsg_next(at, &left))
		reading->result = read_message(reading, at, err);
	return 0;
}

int rtnl_call(struct mnl_socket *socket, struct rtnl_request *request, rtnl_each *each,
	      void *data, struct error *err)
{
	_Alignas(struct nlmsghdr) char bytes[ANSWER_MAX];
	struct reading reading = { .each = each, .data = data };
	int r;

	r = send_request(socket, request, err);
	while (r == 0 && !reading.complete)
		r = read_packet(socket, bytes, &reading, err);
	return r < 0 ? r : reading.result;
}

int rtnl_dump(struct mnl_socket *socket, struct rtnl_request *request,
	      const struct rtnl_taker *taker, struct error *err)
{
	int i, r = 0;

	for (i = 0; i < READ_AGAIN_MAX; i++) {
		taker->restart(taker->data);
		r = rtnl_call(socket, request, taker->each, taker->data, err);
		if (r != -EAGAIN)
			return r;
		if (i + 1 < READ_AGAIN_MAX)
			error_ignore(err, "it is read again");
	}
	return r;
}
