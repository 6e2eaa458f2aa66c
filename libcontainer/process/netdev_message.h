/* The language between tare and the helper program tare-netdev (src/helpers/netdev.c). Both are made by the same
 * build, so that a version is only checked, never negotiated.
 *
 * The helper is executed as `tare-netdev VERSION`, with one end of a SOCK_SEQPACKET pair as its standard input, /dev/null
 * as its outputs, and the runtime's network namespace, which it is in, as descriptor 3. A message is one packet of
 * words (base/packet.h):
 *
 *   move PLACE (PLACE NAME WANTED)...
 *            once; with the container's network namespace as a descriptor. The places are those in config.json, of the
 *            list and of each device, for errors; NAME the device's name, WANTED its name in the container or a
 *            template. Answered by "ok", or by "error", a positive errno in decimal, and a text.
 *   count    with a network namespace as a descriptor: what its interfaces have carried. Answered by "counters" and nine
 *            words for each, its name and, in decimal, bytes, packets, errors and dropped packets received, then the same
 *            sent; or by "error", as above.
 *   keep     the devices stay where they are when the socket ends. Not answered.
 *   back     moves back what was moved, also after a move that has failed. Answered by "done" and a text for each
 *            device that could not be.
 *
 * Without a "keep" the end of the socket is a "back" that nobody hears the answer of: so a tare that is killed takes
 * no device with it. A helper that is not able to work says so in place of its first answer. */
#pragma once

#define NETDEV_MESSAGE_VERSION "1"
#define NETDEV_MESSAGE_HOME 3 /* the descriptor */
