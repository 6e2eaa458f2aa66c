/* Attending to a container in the foreground: signals go to it, its terminal is relayed, its end is awaited. */
#pragma once

#include <signal.h>

#include "base/error.h"

struct attendance {
	int pidfd; /* of the container's init, a child of the caller */
	int master; /* of its terminal; -1: none */
	int signals; /* signalfd, from attend_block_signals() */
};

/* Blocks all signals that are forwarded, from here until the process ends, and makes a descriptor of them.
 * Before the container is started, so that none is lost. */
int attend_block_signals(int *ret_signals, struct error *err) _must_check_;

/* Forwards signals (all but SIGURG and SIGCHLD), follows the size of the caller's terminal, relays input and
 * output, until the init has ended and its output is written.
 * @ret_status: exit status, or 128 + signal. The caller's terminal is as before afterwards. */
int attend(const struct attendance *attendance, int *ret_status,
	   struct error *err) _must_check_;
