/* The counters of network interfaces by rtnetlink, in the 64 bits that the kernel counts them in (struct
 * rtnl_link_stats64). RTM_GETLINK has them with each interface, so one dump is all that it takes; a dump during
 * which interfaces come or go is made again. */
#include "helpers/counters.h"

#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Later kernels have appended to the structure; what is read of it was always there. */
#define NEEDED offsetof(struct rtnl_link_stats64, multicast)

struct taking {
	struct packet *packet;
	size_t before; /* its length without them */
};

static void add_number(struct packet *packet, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, number);
	packet_add(packet, 0, text);
}

static int each_link(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct ifinfomsg *body = rtnl_body(message, RTM_NEWLINK, sizeof *body);
	struct rtnl_link_stats64 stats = { 0 };
	struct packet *packet = ((struct taking *)data)->packet;
	const void *name, *found;
	char text[IFNAMSIZ + 1];
	size_t length;

	(void)err;
	if (!body)
		return 0;
	name = rtnl_find(message, sizeof *body, IFLA_IFNAME, 1, &length);
	found = rtnl_find(message, sizeof *body, IFLA_STATS64, NEEDED, NULL);
	if (!name || !found)
		return 0;
	snprintf(text, sizeof text, "%.*s", (int)strnlen(name, length), (const char *)name);
	memcpy(&stats, found, NEEDED);
	packet_add(packet, 0, text);
	add_number(packet, stats.rx_bytes);
	add_number(packet, stats.rx_packets);
	add_number(packet, stats.rx_errors);
	add_number(packet, stats.rx_dropped);
	add_number(packet, stats.tx_bytes);
	add_number(packet, stats.tx_packets);
	add_number(packet, stats.tx_errors);
	add_number(packet, stats.tx_dropped);
	return 0;
}

static void restart(void *data)
{
	struct taking *taking = data;

	taking->packet->length = taking->before;
}

int counters_read(struct mnl_socket *socket, struct packet *packet, struct error *err)
{
	struct taking taking = { packet, packet->length };
	const struct rtnl_taker taker = { restart, each_link, &taking };
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct rtnl_request request;

	rtnl_begin(&request, RTM_GETLINK, NLM_F_DUMP, &body, sizeof body);
	return rtnl_dump(socket, &request, &taker, err);
}
