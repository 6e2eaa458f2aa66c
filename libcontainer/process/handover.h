/* Descriptors on their way to the sockets of callers: the pty's master, the init's pidfd. */
#pragma once

#include "base/error.h"

/* Hands @master over to the listener of the unix stream socket @path (--console-socket): one message with the
 * name of the pty and one descriptor (contract 7.5). @number: of /dev/pts/N. */
int handover_terminal(const char *path, int master, unsigned number,
		      struct error *err) _must_check_;

/* The same for a pidfd and --pidfd-socket. @payload: "standard" for a container's init. */
int handover_pidfd(const char *path, int pidfd, const char *payload,
		   struct error *err) _must_check_;
