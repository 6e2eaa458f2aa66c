/* The pty's master on its way to whoever serves it. */
#pragma once

#include "base/error.h"

/* Hands @master over to the listener of the unix stream socket @path (--console-socket): one message with the
 * name of the pty and one descriptor (contract 7.5). @number: of /dev/pts/N. */
int terminal_send(const char *path, int master, unsigned number,
		  struct error *err) _must_check_;
