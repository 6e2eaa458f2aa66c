/* Descriptors on their way to the sockets of callers: the pty's master, the init's pidfd, the listener of the
 * system call filter. */
#pragma once

#include "base/error.h"

/* Hands @master over to the listener of the unix stream socket @path (--console-socket): one message with the
 * name of the pty and one descriptor (contract 7.5). @number: of /dev/pts/N. */
int handover_terminal(const char *path, int master, unsigned number,
		      struct error *err) _must_check_;

/* The same for a pidfd and --pidfd-socket. @payload: "standard" for a container's init. */
int handover_pidfd(const char *path, int pidfd, const char *payload,
		   struct error *err) _must_check_;

/* Connects to the agent that listens on the unix stream socket @path (linux.seccomp.listenerPath). Returns the
 * connection, for one listener. */
int handover_connect_agent(const char *path, struct error *err) _must_check_;

/* Sends the agent a listener with the container process state @state, as JSON (spec 241-243). */
int handover_listener(int agent, int listener, const char *state,
		      struct error *err) _must_check_;
