/* An end that is asked for while a container is being made (SIGTERM, SIGINT, SIGQUIT, SIGHUP). Where this process
 * just ended, the name, the cgroup and what else exists already would be left; so the signals are held back, whoever
 * waits long looks for them, and fails, and all is undone as after any other failure. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct interruption {
	int fd; /* signalfd; -1: nothing is held back */
};

#define INTERRUPTION_INIT     \
	(struct interruption) \
	{                     \
		.fd = -1      \
	}

/* Holds the signals back, until the process ends or interruption_obey(). */
int interruption_open(struct interruption *interruption, struct error *err) _must_check_;

/* Lets go of the descriptor; the signals stay held back. */
void interruption_close(struct interruption *interruption);
#define _cleanup_interruption_ __attribute__((cleanup(interruption_close)))

/* Whether the end was asked for, by a signal that the caller of this process did not want to be ignored. */
bool interruption_came(const struct interruption *interruption);

/* Waits until @fd can be read; what has come already goes before a signal. @interruption: NULL: returns at once, for
 * whoever reads waits.
 * Errors: EINTR, "interrupted by a signal", when the end is asked for first. */
int interruption_wait(const struct interruption *interruption, int fd,
		      struct error *err) _must_check_;

/* All is undone: what was asked for happens now, so that the caller sees what ended this process. Returns if nothing
 * was asked for. */
void interruption_obey(const struct interruption *interruption);
