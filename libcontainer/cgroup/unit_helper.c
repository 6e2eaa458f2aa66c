/* Executing tare-systemd, and speaking to it: requests go out without waiting, and the answers are read when they
 * are needed, so that systemd works while tare does something else. A helper that can't be executed says so in place
 * of its first answer. */
#include "cgroup/unit_helper.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernel/embedded.h"
#include "kernel/process.h"

/* Longer than the helper itself waits for anything, several times in a row. */
#define ANSWER_MS 130000

/* helpers/embed.c */
extern const char tare_systemd_program[], tare_systemd_program_end[];

int unit_helper_start(bool user, int *ret_socket, int *ret_pidfd, struct error *err)
{
	const char *const arguments[] = { UNIT_MESSAGE_VERSION, user ? "user" : "system",
					  NULL };
	const struct embedded_program program = {
		.name = "tare-systemd",
		.begin = tare_systemd_program,
		.end = tare_systemd_program_end,
		.arguments = arguments,
	};

	return embedded_start(&program, ret_socket, ret_pidfd, err);
}

int unit_helper_send(int socket, const struct packet *message, struct error *err)
{
	if (message->error == -E2BIG)
		return error_set(err, E2BIG, "the unit's properties take more than %d bytes",
				 PACKET_MAX);
	if (message->error != 0)
		return error_errno(err, -message->error, "tare-systemd: compose a request");
	/* a helper that is gone has said why, or its end tells: the answer is read in any case */
	if (send(socket, message->data, message->length, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		return error_errno(err, errno, "tare-systemd: send a request");
	return 0;
}

static int explain_end(int pidfd, struct error *err)
{
	int status = 0;

	if (process_wait(pidfd, &status) < 0)
		return error_set(err, EPIPE, "tare-systemd has ended without an answer");
	return error_set(err, EPIPE, "tare-systemd has ended with status %d without an answer",
			 status);
}

int unit_helper_receive(int socket, int pidfd, struct error *err)
{
	struct pollfd poller = { .fd = socket, .events = POLLIN };
	char data[ERROR_TEXT_MAX + 64];
	const char *text = NULL;
	struct packet_words words;
	ssize_t n;
	int r;

	do
		r = poll(&poller, 1, ANSWER_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, errno, "wait for tare-systemd");
	if (r == 0)
		return error_set(err, ETIMEDOUT, "tare-systemd does not answer");
	n = recv(socket, data, sizeof data, MSG_TRUNC);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return explain_end(pidfd, err);
	if (n < 0)
		return error_errno(err, errno, "hear of tare-systemd");
	if ((size_t)n > sizeof data || !packet_open(&words, data, (size_t)n))
		return error_set(err, EBADMSG, "malformed answer of tare-systemd");
	r = packet_answer(&words, &text);
	if (r == 0)
		return 0;
	return error_set(err, -r, "%s", text ? text : "malformed answer of tare-systemd");
}
