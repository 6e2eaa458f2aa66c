/* The channel between tare and the container's side while a container is being made, and the start
 * protocol afterwards: both are SOCK_SEQPACKET sockets that carry one struct channel_message a packet. Both
 * ends are the same executable, and on the start socket a version comes first. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define CHANNEL_VERSION 1

enum channel_type {
	/* from the container's side */
	CHANNEL_LOG = 1, /* value: enum trace_level; text: the line */
	CHANNEL_ERROR, /* value: errno; text: struct error's */
	CHANNEL_TREE_READY, /* the root is assembled: time for the hooks */
	CHANNEL_TERMINAL, /* descriptor: the pty's master; value: its number */
	CHANNEL_STANDING, /* all is set up but what start does */
	CHANNEL_EXECUTING, /* on the start socket: the hooks have run; what ends it now is execve */
	/* to the container's side */
	/* ids are mapped, sources are ready; or the root is assembled outside (its descriptor, or none:
	 * then the init assembles it) */
	CHANNEL_GO,
	CHANNEL_HOOKS, /* prestart and createRuntime have run; descriptor: state for createContainer hooks */
	CHANNEL_STATE, /* descriptor: state for startContainer hooks */
	CHANNEL_COMMIT, /* the container is recorded: wait for start */
	CHANNEL_START, /* on the start socket; value: CHANNEL_VERSION */
	/* from the container's side; here, because the numbers on the start socket stay */
	CHANNEL_SCHEDULE, /* value: enum scheduling_part, which takes the creator's privileges */
	CHANNEL_NETWORK, /* descriptor: the network namespace that it has made meanwhile */
	CHANNEL_LISTENER, /* descriptor: of the system call filter that was just installed */
};

/* As long as the text of an error or a log line can be. */
#define CHANNEL_TEXT_MAX ERROR_TEXT_MAX

/* Creates the two ends. */
int channel_pair(int ret_ends[2], struct error *err) _must_check_;

/* Sends one message. @text: NULL for none; longer than CHANNEL_TEXT_MAX is E2BIG. @fd: passed along, or
 * -1. No SIGPIPE: a peer that is gone is EPIPE. Returns 0 or -errno. */
int channel_send(int channel, enum channel_type type, int32_t value, const char *text,
		 int fd) _must_check_;

struct channel_message {
	uint32_t type; /* enum channel_type */
	int32_t value;
	int fd; /* received descriptor, owned by the receiver; -1: none */
	char *text; /* NUL-terminated, the message's own; never NULL after a message */
	char none
		[1]; /* the text of a message that has none: most have none, and need no memory */
};

#define CHANNEL_MESSAGE_INIT     \
	(struct channel_message) \
	{                        \
		.fd = -1         \
	}
void cleanup_channel_message(struct channel_message *message);
#define _cleanup_message_ __attribute__((cleanup(cleanup_channel_message)))

/* Receives one message; what @message held before is released.
 * Returns 1, 0 at end of file, or -errno (EBADMSG for a packet that is no message). */
int channel_receive(int channel, struct channel_message *message) _must_check_;

/* Waits for a message without taking it. @ret_type: enum channel_type of what channel_receive() will take.
 * Returns 1, 0 at end of file, or -errno. */
int channel_peek(int channel, uint32_t *ret_type) _must_check_;

/* A trace sink that sends the lines over the channel whose descriptor @data points to (int *). */
void channel_sink(void *data, int level, const char *text);
