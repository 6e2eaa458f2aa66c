/* Addresses and routes as the messages that the kernel itself lists them by, so that every family is kept,
 * also one that nobody here knows. A device that leaves its namespace loses them all (inetdev_destroy(),
 * addrconf_ifdown()); name, MTU, link address and queues stay with the device. */
#include "helpers/settings.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* The bits that belong to whoever sets an address; the others are what the kernel made of it. */
#define GIVEN_FLAGS                                                                  \
	(IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | \
	 IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

struct reading {
	struct arena *arena;
	int index;
	struct kept_message **start, **end;
};

static int keep(struct reading *reading, const struct nlmsghdr *message, struct error *err)
{
	struct kept_message *kept = arena_alloc(reading->arena, sizeof *kept);

	if (kept)
		kept->message = arena_alloc(reading->arena, message->nlmsg_len);
	if (!kept || !kept->message)
		return error_oom(err);
	memcpy(kept->message, message, message->nlmsg_len);
	*reading->end = kept;
	reading->end = &kept->next;
	return 0;
}

/* The flags of an address; the old field of the fixed part has room for eight only. */
static uint32_t address_flags(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *body = rtnl_body(message, RTM_NEWADDR, sizeof *body);

	return rtnl_find(message, sizeof *body, IFA_FLAGS, sizeof(uint32_t), NULL)
		       ? rtnl_u32(message, sizeof *body, IFA_FLAGS)
		       : body->ifa_flags;
}

static int each_address(void *data, const struct nlmsghdr *message, struct error *err)
{
	struct reading *reading = data;
	const struct ifaddrmsg *body = rtnl_body(message, RTM_NEWADDR, sizeof *body);

	if (!body || (int)body->ifa_index != reading->index ||
	    !(address_flags(message) & IFA_F_PERMANENT))
		return 0;
	return keep(reading, message, err);
}

static int each_route(void *data, const struct nlmsghdr *message, struct error *err)
{
	struct reading *reading = data;
	const struct rtmsg *body = rtnl_body(message, RTM_NEWROUTE, sizeof *body);

	if (!body || body->rtm_protocol == RTPROT_KERNEL || body->rtm_flags & RTM_F_CLONED ||
	    (int)rtnl_u32(message, sizeof *body, RTA_OIF) != reading->index)
		return 0;
	return keep(reading, message, err);
}

static void restart(void *data)
{
	struct reading *reading = data;

	*reading->start = NULL;
	reading->end = reading->start;
}

static int dump(struct mnl_socket *socket, uint16_t type, rtnl_each *each,
		struct reading *reading, struct error *err)
{
	const struct rtnl_taker taker = { restart, each, reading };
	struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };
	struct rtnl_request request;

	rtnl_begin(&request, type, NLM_F_DUMP, &any, sizeof any);
	return rtnl_dump(socket, &request, &taker, err);
}

int settings_read(struct mnl_socket *socket, int index, struct arena *arena,
		  struct settings *ret_settings, struct error *err)
{
	struct reading reading = { .arena = arena, .index = index };
	int r;

	reading.start = &ret_settings->addresses;
	r = dump(socket, RTM_GETADDR, each_address, &reading, err);
	if (r < 0)
		return error_at(err, "read the addresses");
	reading.start = &ret_settings->routes;
	r = dump(socket, RTM_GETROUTE, each_route, &reading, err);
	return r < 0 ? error_at(err, "read the routes") : 0;
}

/* A request that gets the attributes of a message which was kept. */
struct copying {
	struct rtnl_request request;
	const char *name; /* of the device */
};

/* An IPv4 label is the device's name, or begins with it and a colon. */
static void add_label(struct copying *copying, const char *label, size_t length)
{
	const char *colon = memchr(label, ':', length);
	char text[IFNAMSIZ];
	int n;

	n = snprintf(text, sizeof text, "%s%.*s", copying->name,
		     colon ? (int)strnlen(colon, length - (size_t)(colon - label)) : 0,
		     colon ? colon : "");
	rtnl_add_text(&copying->request, IFA_LABEL, n < IFNAMSIZ ? text : copying->name);
}

static void copy_of_address(void *data, const struct nlattr *attribute)
{
	struct copying *copying = data;
	const void *payload;
	uint16_t type;
	size_t size;

	payload = rtnl_payload(attribute, &type, &size);
	if (type == IFA_LABEL)
		add_label(copying, payload, size);
	else if (type != IFA_FLAGS)
		rtnl_add(&copying->request, attribute->nla_type, payload, size);
}

static int add_address(struct mnl_socket *socket, const struct nlmsghdr *kept, int index,
		       const char *name, struct error *err)
{
	struct copying copying = { .name = name };
	struct ifaddrmsg body;
	int r;

	memcpy(&body, rtnl_body(kept, RTM_NEWADDR, sizeof body), sizeof body);
	body.ifa_flags = 0;
	body.ifa_index = (unsigned)index;
	rtnl_begin(&copying.request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body,
		   sizeof body);
	rtnl_add_u32(&copying.request, IFA_FLAGS, address_flags(kept) & GIVEN_FLAGS);
	rtnl_each_attribute(kept, sizeof body, copy_of_address, &copying);
	r = rtnl_call(socket, &copying.request, NULL, NULL, err);
	return r < 0 ? error_at(err, "add an address of family %d", body.ifa_family) : 0;
}

int settings_add_addresses(struct mnl_socket *socket, const struct settings *settings,
			   int index, const char *name, bool global, struct error *err)
{
	const struct kept_message *kept;
	const struct ifaddrmsg *body;
	int r;

	for (kept = settings->addresses; kept; kept = kept->next) {
		body = rtnl_body(kept->message, RTM_NEWADDR, sizeof *body);
		if (global && body->ifa_scope != RT_SCOPE_UNIVERSE)
			continue;
		r = add_address(socket, kept->message, index, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void copy_of_route(void *data, const struct nlattr *attribute)
{
	struct copying *copying = data;
	const void *payload;
	uint16_t type;
	size_t size;

	payload = rtnl_payload(attribute, &type, &size);
	if (type != RTA_CACHEINFO)
		rtnl_add(&copying->request, attribute->nla_type, payload, size);
}

static int add_route(struct mnl_socket *socket, const struct nlmsghdr *kept, struct error *err)
{
	struct copying copying = { .name = NULL };
	struct rtmsg body;
	int r;

	memcpy(&body, rtnl_body(kept, RTM_NEWROUTE, sizeof body), sizeof body);
	body.rtm_flags &= RTNH_F_ONLINK; /* the others are the kernel's word on the nexthop */
	rtnl_begin(&copying.request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &body,
		   sizeof body);
	rtnl_each_attribute(kept, sizeof body, copy_of_route, &copying);
	r = rtnl_call(socket, &copying.request, NULL, NULL, err);
	return r < 0 ? error_at(err, "add a route of family %d", body.rtm_family) : 0;
}

int settings_add_routes(struct mnl_socket *socket, const struct settings *settings,
			struct error *err)
{
	const struct kept_message *kept;
	int r;

	for (kept = settings->routes; kept; kept = kept->next) {
		r = add_route(socket, kept->message, err);
		if (r < 0)
			return r;
	}
	return 0;
}
