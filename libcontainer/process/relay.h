/* The relay between the caller's terminal and the container's: what is typed goes in, what is shown comes
 * out, the size follows. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "process/interruption.h"

/* One direction. */
struct pipeline {
	int from, to;
	bool open; /* more may come */
	size_t start, length;
	char data
		[4096]; /* PIPE_BUF: a pipe that poll(2) calls writable takes so much without blocking */
};

struct relay {
	int master; /* of the container's pty, owned; -1: no terminal, or it has hung up */
	int peer; /* its other side: while it is open here, the master never reads EIO */
	int screen; /* standard output opened once more without blocking; -1 */
	struct pipeline in, out;
	bool raw; /* standard input is a terminal whose modes were changed */
	struct termios before;
	bool ended; /* the container has ended: only the rest of the output is left */
	size_t rest; /* bytes that may still come then */
	char last; /* byte that went in last */
	int64_t eof_at; /* when the end of input is typed next, CLOCK_MONOTONIC milliseconds; -1: never */
	int64_t eof_wait; /* milliseconds until the time after that */
};

#define RELAY_INIT                                                   \
	(struct relay)                                               \
	{                                                            \
		.master = -1, .peer = -1, .screen = -1, .eof_at = -1 \
	}

#define RELAY_POLLERS 2

/* Takes the terminal over: gives the container's the size of the caller's and makes the caller's raw, where
 * standard input is one. A process in the background is stopped here until it is brought to the foreground,
 * as with any program that uses the terminal; SIGTTOU and SIGTTIN must not be blocked.
 * @take_master: owned from now on; -1: no terminal, and all the functions below do nothing.
 * @interruption: looked for whenever a process that was stopped here goes on; NULL: none.
 * Errors: EINTR when the end is asked for. The relay is to be closed then as well. */
int relay_open(struct relay *relay, int take_master, const struct interruption *interruption,
	       struct error *err) _must_check_;

/* The caller's terminal has another size. */
void relay_follow_size(const struct relay *relay);

/* The process was stopped and goes on: whoever had the terminal meanwhile has set its modes. */
void relay_continue(struct relay *relay);

/* What to wait for. Returns the timeout for poll(2) in milliseconds, -1: none. */
int relay_poll(const struct relay *relay, struct pollfd ret_pollers[RELAY_POLLERS]);

/* Passes on what can be passed on without waiting. When standard output fails, the container's terminal hangs
 * up, as one does whose screen is gone. */
void relay_serve(struct relay *relay, const struct pollfd pollers[RELAY_POLLERS]);

/* The container has ended: what it has written so far is all that is still owed. */
void relay_end(struct relay *relay);

/* Whether all that was owed is written. */
bool relay_is_done(const struct relay *relay);

/* Gives the caller's terminal its modes back and closes what is open. */
void relay_close(struct relay *relay);
