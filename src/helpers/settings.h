/* What the kernel forgets when a network device changes its namespace: addresses and routes. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "helpers/rtnl.h"

/* A message of a dump, kept. */
struct kept_message {
	struct kept_message *next;
	struct nlmsghdr *message;
};

struct settings {
	struct kept_message *addresses; /* the permanent ones, in order */
	struct kept_message *routes; /* without those that come with an address */
};

/* Reads a device's addresses and routes.
 * @socket: of its namespace. @index: its number there. */
int settings_read(struct mnl_socket *socket, int index, struct arena *arena,
		  struct settings *ret_settings, struct error *err) _must_check_;

/* Gives a device those addresses.
 * @index, @name: what the device is called now; labels are made to fit it.
 * @global: only those of global scope (spec:172). */
int settings_add_addresses(struct mnl_socket *socket, const struct settings *settings,
			   int index, const char *name, bool global,
			   struct error *err) _must_check_;

/* Gives back the routes, for a device that is what it was, with the number that it had. */
int settings_add_routes(struct mnl_socket *socket, const struct settings *settings,
			struct error *err) _must_check_;
