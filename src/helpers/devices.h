/* Network devices on their way into a container's network namespace, and back. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/packet.h"
#include "helpers/rtnl.h"

struct device;

/* The devices that are being moved, for as long as they may have to go back. */
struct devices {
	int home; /* the runtime's network namespace; borrowed */
	struct mnl_socket *here, *there; /* of the runtime's and of the container's namespace */
	struct arena *arena; /* borrowed */
	size_t n, n_moved;
	struct device *list;
};

/* Moves devices, each with its permanent global addresses, under its new name, and sets it up (spec:168-173). All that
 * can be checked beforehand is checked for all of them before the first one moves. After a failure nothing has been
 * given back yet.
 * @devices: with home, here and arena. @there: the container's network namespace.
 * @words: the list of process/netdev_message.h, of a packet that lives as long as @devices.
 * Errors: ENODEV for a device that is not there, EEXIST for a name that is taken, EINVAL for one that the
 * kernel does not let go. */
int devices_move(struct devices *devices, int there, struct packet_words *words,
		 struct error *err) _must_check_;

/* Moves the devices back, with name, number, addresses and routes as they were; for a create that has failed. A
 * container that was made keeps its devices to the end of its network namespace (spec:175).
 * @report: gets a text for each that could not be given back. */
void devices_give_back(struct devices *devices, struct packet *report);

/* Closes the sockets; what was moved stays where it is. */
void devices_close(struct devices *devices);
