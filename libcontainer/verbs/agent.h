/* The seccomp agent of a container (linux.seccomp.listenerPath). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "state/state.h"

/* A process of the container whose filter asks the agent. */
struct agent {
	const struct state_record *record; /* borrowed */
	enum state_status status; /* of the container, for the agent to know */
	pid_t process;
	int connection; /* to the agent; -1: there is none, or it has the listener */
	bool done; /* it has the listener, or the container asks no agent */
	bool failed; /* it could not be given the listener: the process must not go on */
};

#define AGENT_INIT                \
	(struct agent)            \
	{                         \
		.connection = -1, \
	}
void cleanup_agent(struct agent *agent);

/* Connects to the agent that the record names, if it names one. Each process needs a connection of its own. */
int agent_connect(struct agent *agent, struct error *err) _must_check_;

/* Gives the agent the listener that the container's side sent (CHANNEL_LISTENER), and closes the connection.
 * @listener: -1: it came without. */
int agent_hand_over(struct agent *agent, int listener, struct error *err) _must_check_;

/* For when the program was executed: fails if the agent should have a listener and got none, because the
 * filter refused sendmsg(2). */
int agent_check(struct agent *agent, struct error *err) _must_check_;
