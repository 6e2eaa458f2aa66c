/* What the interfaces of a network namespace have carried. */
#pragma once

#include "base/error.h"
#include "base/packet.h"
#include "helpers/rtnl.h"

/* Appends nine words for each interface to @packet, as process/netdev_message.h has them, in the kernel's order.
 * @socket: of the network namespace.
 * Errors: EAGAIN when interfaces came and went at each of some attempts. What does not fit: packet->error. */
int counters_read(struct mnl_socket *socket, struct packet *packet,
		  struct error *err) _must_check_;
