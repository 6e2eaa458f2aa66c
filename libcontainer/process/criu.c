/* Executing tare-criu, and speaking to it. CRIU may take as long as it takes, with lazy pages until the last one has
 * been fetched from elsewhere, so nothing here waits with a limit: the caller's signals end it, as the helper dies
 * with tare, and CRIU with its helper's socket. */
#include "process/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "kernel/embedded.h"
#include "kernel/process.h"
#include "process/criu_message.h"

/* helpers/embed.c */
extern const char tare_criu_program[], tare_criu_program_end[];

#define LOG_MAX ((size_t)64 * 1024 * 1024)
#define LOG_LINES 6 /* of the errors in CRIU's log, those from the last one on */

void criu_request_free(struct criu_request *request)
{
	packet_free(&request->packet);
}

void criu_begin(struct criu_request *request, const char *verb)
{
	*request = (struct criu_request){ 0 };
	packet_add(&request->packet, 0, verb);
}

void criu_add(struct criu_request *request, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list list;
	int n;

	va_start(list, format);
	n = vasprintf(&text, format, list);
	va_end(list);
	if (n < 0) {
		text = NULL;
		request->packet.error = -ENOMEM;
		return;
	}
	trace_debug("tare-criu: %s", text);
	packet_add(&request->packet, 0, text);
}

int criu_add_fd(struct criu_request *request, int fd)
{
	if (request->n_fds == ELEMENTS_OF(request->fds)) {
		request->packet.error = -EMFILE;
		return -1;
	}
	request->fds[request->n_fds++] = fd;
	return (int)request->n_fds + 2;
}

/* Said before the library is tried, because of a criu that can't be executed libcriu says nothing. */
static int find_criu(struct error *err)
{
	const char *path = getenv("PATH"), *end;
	char name[PATH_MAX];

	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		snprintf(name, sizeof name, "%.*s/criu", (int)(end - path), path);
		if (access(name, X_OK) == 0)
			return 0;
	}
	return error_set(err, ENOENT,
			 "criu was not found in PATH (checkpoint and restore need it: install "
			 "criu and libcriu2)");
}

struct session {
	int socket, pidfd;
	const struct criu_observer *observer;
	struct error refusal; /* the observer's */
	struct sigaction pipe; /* what SIGPIPE did before */
};

static void nothing(int signal)
{
	(void)signal;
}

/* That the observer writes to somebody who is gone is an error of that call, after which all is undone; by the signal
 * this process would end in the midst of it. A function is not inherited by what is executed, as SIG_IGN is: CRIU's
 * processes, and those that it restores, have what they had. */
static void survive_pipes(struct session *session)
{
	const struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGPIPE, &action, &session->pipe);
}

static void close_session(struct session *session)
{
	int status;

	/* its end tells the helper to end */
	cleanup_fd(&session->socket);
	if (session->pidfd >= 0 && process_wait(session->pidfd, &status) < 0)
		trace_debug("tare-criu was reaped by someone else");
	cleanup_fd(&session->pidfd);
	sigaction(SIGPIPE, &session->pipe, NULL);
}

/* Returns the length, 0 at the end. @ret_fd: what came along, or -1. */
static ssize_t receive(int socket, char *data, size_t size, int *ret_fd)
{
	struct iovec part = { data, size };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room,
	};
	struct cmsghdr *passed;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	passed = CMSG_FIRSTHDR(&header);
	if (passed && passed->cmsg_level == SOL_SOCKET && passed->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(passed), sizeof *ret_fd);
	return n;
}

static int serve_notification(struct session *session, struct packet_words *words, int fd,
			      struct error *err)
{
	const char *action = packet_next(words), *pid = packet_next(words);
	_cleanup_packet_ struct packet answer = { 0 };
	struct error *refusal = &session->refusal;
	int r = 0;

	if (!action || !pid)
		return error_set(err, EBADMSG, "malformed notification of tare-criu");
	trace_debug("CRIU: %s (process %s)", action, pid);
	if (session->observer)
		r = session->observer->notify(session->observer->data, action,
					      (pid_t)strtol(pid, NULL, 10), fd, refusal);
	packet_add_answer(&answer, r < 0 ? refusal->code : 0, r < 0 ? refusal->text : "");
	if (answer.error != 0 ||
	    send(session->socket, answer.data, answer.length, MSG_NOSIGNAL) < 0)
		trace_debug("tare-criu has gone before it was answered");
	return 0;
}

static int read_answer(const char *data, size_t length, struct error *err)
{
	const char *number, *text;
	struct packet_words words;
	int r;

	if (!packet_open(&words, data, length))
		return error_set(err, EBADMSG, "malformed answer of tare-criu");
	if (strcmp(packet_next(&words), "done") == 0) {
		number = packet_next(&words);
		return number ? (int)strtol(number, NULL, 10)
			      : error_set(err, EBADMSG, "malformed answer of tare-criu");
	}
	if (!packet_open(&words, data, length))
		return -EBADMSG;
	r = packet_answer(&words, &text);
	if (r >= 0 || r == -EBADMSG)
		return error_set(err, EBADMSG, "malformed answer of tare-criu");
	return error_set(err, -r, "%s", text);
}

static int serve(struct session *session, struct error *err)
{
	char data[ERROR_TEXT_MAX + 64];
	struct packet_words words;
	ssize_t n;
	int r;

	for (;;) {
		_cleanup_fd_ int fd = -1;

		n = receive(session->socket, data, sizeof data, &fd);
		if (n < 0)
			return error_errno(err, (int)-n, "hear of tare-criu");
		if (n == 0)
			return error_set(err, EPIPE, "tare-criu has ended without an answer");
		if (!packet_open(&words, data, (size_t)n) ||
		    strcmp(packet_next(&words), "notify") != 0)
			return read_answer(data, (size_t)n, err);
		r = serve_notification(session, &words, fd, err);
		if (r < 0)
			return r;
	}
}

int criu_perform(struct criu_request *request, const struct criu_observer *observer,
		 struct error *err)
{
	static const char *const arguments[] = { CRIU_MESSAGE_VERSION, NULL };
	const struct embedded_program program = {
		.name = "tare-criu",
		.begin = tare_criu_program,
		.end = tare_criu_program_end,
		.arguments = arguments,
		.n_fds = request->n_fds,
		.fds = request->fds,
	};
	_cleanup_(close_session) struct session session = {
		.socket = -1,
		.pidfd = -1,
		.observer = observer,
		.refusal = ERROR_INIT,
	};
	int r;

	survive_pipes(&session);
	if (request->packet.error != 0)
		return error_errno(err, -request->packet.error, "compose a request for CRIU");
	r = find_criu(err);
	if (r < 0)
		return r;
	r = embedded_start(&program, &session.socket, &session.pidfd, err);
	if (r < 0)
		return r;
	if (send(session.socket, request->packet.data, request->packet.length, MSG_NOSIGNAL) <
		    0 &&
	    errno != EPIPE && errno != ECONNRESET)
		return error_errno(err, errno, "tare-criu: send the request");
	r = serve(&session, err);
	if (session.refusal.code != 0) {
		*err = session.refusal;
		return -err->code;
	}
	return r;
}

/* ---- the log ---- */

/* A line of CRIU's that tells of an error: "(00.012345)     17: Error (criu/files.c:12): ...". */
static bool tells(const char *line)
{
	return strstr(line, "Error (") != NULL;
}

int criu_explain(int work, const char *path, const char *log, struct arena *arena,
		 struct error *err)
{
	struct error ignored = ERROR_INIT;
	char *text, *line, *rest = NULL;
	const char *lines[LOG_LINES];
	size_t n = 0, i;

	if (fd_read_file(work, log, LOG_MAX, arena, &text, &ignored) < 0) {
		error_ignore(&ignored, "the error itself is the one to report");
		return -err->code;
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!tells(line))
			continue;
		lines[n % LOG_LINES] = strstr(line, "Error (");
		n++;
	}
	error_hint(err, " (%s/%s", path, log);
	for (i = n > LOG_LINES ? n - LOG_LINES : 0; i < n; i++)
		error_hint(err, "%s %s", i == 0 || i == n - LOG_LINES ? ":" : ";",
			   lines[i % LOG_LINES]);
	return error_hint(err, ")");
}
