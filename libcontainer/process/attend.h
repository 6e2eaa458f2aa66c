/* Attending to a container in the foreground: signals go to it, its terminal is relayed, its end is awaited. */
#pragma once

#include "base/error.h"
#include "process/relay.h"

struct attendance {
	int pidfd; /* of the container's init, a child of the caller; borrowed */
	int signals; /* signalfd */
	struct relay relay;
	int ended_by; /* after attend(): the signal, 0 for an exit */
};

#define ATTENDANCE_INIT                                         \
	(struct attendance)                                     \
	{                                                       \
		.pidfd = -1, .signals = -1, .relay = RELAY_INIT \
	}
/* Gives the terminal back. Signals stay blocked: the process is about to end. */
void attend_close(struct attendance *attendance);
#define _cleanup_attendance_ __attribute__((cleanup(attend_close)))

/* Before the container is started, so that no signal is lost and its program sees the right size of the
 * terminal. Blocks all signals that are forwarded, from here until the process ends; takes the caller's
 * terminal over until attend_close() (see relay_open()).
 * @pidfd: borrowed for the attendance's life. @take_master: of the container's terminal, -1: none.
 * @interruption: ends the waiting for the caller's terminal (EINTR); NULL: nothing does. */
int attend_open(int pidfd, int take_master, const struct interruption *interruption,
		struct attendance *ret_attendance, struct error *err) _must_check_;

/* Forwards signals, follows the size of the caller's terminal, relays input and output, until the init has
 * ended and its output is written; where the reader doesn't take it, SIGTERM, SIGINT, SIGQUIT or SIGHUP ends
 * the waiting.
 * @ret_status: exit status, or 128 + signal. */
int attend(struct attendance *attendance, int *ret_status, struct error *err) _must_check_;
