/* What the kernel forgets when a network device changes its namespace: addresses and routes. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "kernel/netlink.h"

/* A message of a dump, kept. */
struct netdev_message {
	struct netdev_message *next;
	struct nlmsghdr *message;
};

struct netdev_settings {
	struct netdev_message *addresses; /* the permanent ones, in order */
	struct netdev_message *routes; /* without those that come with an address */
};

/* Reads a device's addresses and routes.
 * @netlink: of its namespace. @index: its number there. */
int netdev_settings_read(int netlink, int index, struct arena *arena,
			 struct netdev_settings *ret_settings, struct error *err) _must_check_;

/* Gives a device those addresses.
 * @index, @name: what the device is called now; labels are made to fit it.
 * @global: only those of global scope (spec:172). */
int netdev_add_addresses(int netlink, const struct netdev_settings *settings, int index,
			 const char *name, bool global, struct error *err) _must_check_;

/* Gives back the routes, for a device that is what it was, with the number that it had. */
int netdev_add_routes(int netlink, const struct netdev_settings *settings,
		      struct error *err) _must_check_;
