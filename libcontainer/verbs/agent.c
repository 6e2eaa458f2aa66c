/* Handing the listener of a system call filter to the agent: one connection a process, one message with the
 * container process state and the descriptor, closed afterwards (spec 241-243). start and exec do it, not the
 * container's side, which is under the filter by then. Kernel fact: a notified system call waits until
 * somebody who holds the listener answers, so that nothing is lost between the program's start and the
 * agent's. */
#include "verbs/agent.h"

#include <errno.h>

#include "base/cleanup.h"
#include "process/handover.h"

void cleanup_agent(struct agent *agent)
{
	cleanup_fd(&agent->connection);
}

int agent_connect(struct agent *agent, struct error *err)
{
	agent->done = !agent->record->seccomp_agent;
	if (agent->done)
		return 0;
	agent->connection = handover_connect_agent(agent->record->seccomp_agent, err);
	return agent->connection < 0 ? agent->connection : 0;
}

static int hand_over(struct agent *agent, int listener, struct error *err)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	const char *text;
	size_t length;
	int r;

	if (!writer)
		return error_oom(err);
	if (listener < 0 || agent->connection < 0)
		return error_set(err, EBADMSG, "a listener that was not expected");
	state_print_process(agent->record, agent->status, agent->process, writer);
	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	r = handover_listener(agent->connection, listener, text, err);
	if (r < 0)
		return r;
	cleanup_fd(&agent->connection);
	agent->done = true;
	return 0;
}

int agent_hand_over(struct agent *agent, int listener, struct error *err)
{
	int r = hand_over(agent, listener, err);

	agent->failed |= r < 0;
	return r;
}

int agent_check(struct agent *agent, struct error *err)
{
	if (agent->done)
		return 0;
	agent->failed = true;
	return error_set(
		err, EPERM,
		"linux.seccomp: the listener was not handed over: the filter must allow "
		"sendmsg");
}
