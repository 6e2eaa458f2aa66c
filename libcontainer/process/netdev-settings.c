/* Addresses and routes as the messages that the kernel itself lists them by, so that every family is kept,
 * also one that nobody here knows. A device that leaves its namespace loses them all (inetdev_destroy(),
 * addrconf_ifdown()); name, MTU, link address and queues stay with the device. */
#include "process/netdev-settings.h"

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

#define READ_AGAIN_MAX 10

struct reading {
	struct arena *arena;
	int index;
	struct netdev_message **end;
};

static int keep(struct reading *reading, const struct nlmsghdr *message, struct error *err)
{
	struct netdev_message *kept = arena_alloc(reading->arena, sizeof *kept);

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
	struct ifaddrmsg body;

	memcpy(&body, NLMSG_DATA(message), sizeof body);
	return netlink_find(message, sizeof body, IFA_FLAGS, sizeof(uint32_t))
		       ? netlink_u32(message, sizeof body, IFA_FLAGS)
		       : body.ifa_flags;
}

static int each_address(void *data, const struct nlmsghdr *message, struct error *err)
{
	struct reading *reading = data;
	struct ifaddrmsg body;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof body))
		return 0;
	memcpy(&body, NLMSG_DATA(message), sizeof body);
	if ((int)body.ifa_index != reading->index ||
	    !(address_flags(message) & IFA_F_PERMANENT))
		return 0;
	return keep(reading, message, err);
}

static int each_route(void *data, const struct nlmsghdr *message, struct error *err)
{
	struct reading *reading = data;
	struct rtmsg body;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof body))
		return 0;
	memcpy(&body, NLMSG_DATA(message), sizeof body);
	if (body.rtm_protocol == RTPROT_KERNEL || body.rtm_flags & RTM_F_CLONED ||
	    (int)netlink_u32(message, sizeof body, RTA_OIF) != reading->index)
		return 0;
	return keep(reading, message, err);
}

/* A dump; again when what it shows has changed meanwhile. */
static int dump(int netlink, uint16_t type, netlink_each *each, struct reading *reading,
		struct error *err)
{
	struct netdev_message **start = reading->end;
	struct netlink_message message;
	struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };
	int i, r = 0;

	for (i = 0; i < READ_AGAIN_MAX; i++) {
		*start = NULL;
		reading->end = start;
		netlink_begin(&message, type, NLM_F_DUMP, &any, sizeof any);
		r = netlink_call(netlink, &message, each, reading, err);
		if (r != -EAGAIN)
			return r;
		if (i + 1 < READ_AGAIN_MAX)
			error_ignore(err, "it is read again");
	}
	return r;
}

int netdev_settings_read(int netlink, int index, struct arena *arena,
			 struct netdev_settings *ret_settings, struct error *err)
{
	struct reading reading = { .arena = arena, .index = index };
	int r;

	reading.end = &ret_settings->addresses;
	r = dump(netlink, RTM_GETADDR, each_address, &reading, err);
	if (r < 0)
		return error_at(err, "read the addresses");
	reading.end = &ret_settings->routes;
	r = dump(netlink, RTM_GETROUTE, each_route, &reading, err);
	return r < 0 ? error_at(err, "read the routes") : 0;
}

/* An IPv4 label is the device's name, or begins with it and a colon. */
static int add_label(struct netlink_message *request, const char *label, size_t length,
		     const char *name)
{
	const char *colon = memchr(label, ':', length);
	char text[IFNAMSIZ];
	int n;

	n = snprintf(text, sizeof text, "%s%.*s", name,
		     colon ? (int)strnlen(colon, length - (size_t)(colon - label)) : 0,
		     colon ? colon : "");
	return netlink_add_text(request, IFA_LABEL, n < IFNAMSIZ ? text : name);
}

static int copy_attribute(struct netlink_message *request, const struct rtattr *attribute,
			  const char *name)
{
	switch (attribute->rta_type & NLA_TYPE_MASK) {
	case IFA_FLAGS:
		return 0;
	case IFA_LABEL:
		return add_label(request, RTA_DATA(attribute), RTA_PAYLOAD(attribute), name);
	default:
		return netlink_add(request, attribute->rta_type, RTA_DATA(attribute),
				   RTA_PAYLOAD(attribute));
	}
}

static int add_address(int netlink, const struct nlmsghdr *kept, int index, const char *name,
		       struct error *err)
{
	size_t length = kept->nlmsg_len - NLMSG_SPACE(sizeof(struct ifaddrmsg));
	const struct rtattr *at;
	struct netlink_message request;
	struct ifaddrmsg body;
	int r;

	memcpy(&body, NLMSG_DATA(kept), sizeof body);
	body.ifa_flags = 0;
	body.ifa_index = (unsigned)index;
	netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof body);
	r = netlink_add_u32(&request, IFA_FLAGS, address_flags(kept) & GIVEN_FLAGS);
	at = (const struct rtattr *)(const void *)((const char *)kept +
						   NLMSG_SPACE(sizeof body));
	for (; r == 0 && RTA_OK(at, length); at = RTA_NEXT(at, length))
		r = copy_attribute(&request, at, name);
	if (r < 0)
		return error_errno(err, -r, "an address");
	r = netlink_call(netlink, &request, NULL, NULL, err);
	return r < 0 ? error_at(err, "add an address of family %d", body.ifa_family) : 0;
}

int netdev_add_addresses(int netlink, const struct netdev_settings *settings, int index,
			 const char *name, bool global, struct error *err)
{
	const struct netdev_message *kept;
	struct ifaddrmsg body;
	int r;

	for (kept = settings->addresses; kept; kept = kept->next) {
		memcpy(&body, NLMSG_DATA(kept->message), sizeof body);
		if (global && body.ifa_scope != RT_SCOPE_UNIVERSE)
			continue;
		r = add_address(netlink, kept->message, index, name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_route(int netlink, const struct nlmsghdr *kept, struct error *err)
{
	size_t length = kept->nlmsg_len - NLMSG_SPACE(sizeof(struct rtmsg));
	const struct rtattr *at;
	struct netlink_message request;
	struct rtmsg body;
	int r = 0;

	memcpy(&body, NLMSG_DATA(kept), sizeof body);
	body.rtm_flags &= RTNH_F_ONLINK; /* the others are the kernel's word on the nexthop */
	netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &body, sizeof body);
	at = (const struct rtattr *)(const void *)((const char *)kept +
						   NLMSG_SPACE(sizeof body));
	for (; r == 0 && RTA_OK(at, length); at = RTA_NEXT(at, length))
		if (at->rta_type != RTA_CACHEINFO)
			r = netlink_add(&request, at->rta_type, RTA_DATA(at), RTA_PAYLOAD(at));
	if (r < 0)
		return error_errno(err, -r, "a route");
	r = netlink_call(netlink, &request, NULL, NULL, err);
	return r < 0 ? error_at(err, "add a route of family %d", body.rtm_family) : 0;
}

int netdev_add_routes(int netlink, const struct netdev_settings *settings, struct error *err)
{
	const struct netdev_message *kept;
	int r;

	for (kept = settings->routes; kept; kept = kept->next) {
		r = add_route(netlink, kept->message, err);
		if (r < 0)
			return r;
	}
	return 0;
}
