/* tare-systemd from memory: the program that was embedded at build time is written to a memfd, sealed and
 * executed, so that tare stays one file, and the helper is the very one of this build. It gets no descriptor
 * but its socket (engines wait for the ends of pipes that tare has inherited) and dies with tare. Kernel fact:
 * execveat(2) with AT_EMPTY_PATH executes a descriptor that is close-on-exec, as long as it is no script. */
#include "cgroup/unit_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

/* Longer than the helper itself waits for anything, several times in a row. */
#define ANSWER_MS 130000

/* helpers/embed.c */
extern const char tare_systemd_program[], tare_systemd_program_end[];

static int open_program(struct error *err)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_fd_ int fd = memfd_create("tare-systemd", flags | TARE_MFD_EXEC);
	int r;

	if (fd < 0 &&
	    errno == EINVAL) /* compat: below Linux 6.3, where memfds are executable */
		fd = memfd_create("tare-systemd", flags);
	if (fd < 0)
		return error_errno(err, errno, "tare-systemd: memfd_create");
	r = fd_write_all(fd, tare_systemd_program,
			 (size_t)(tare_systemd_program_end - tare_systemd_program),
			 "tare-systemd", err);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
	    0)
		return error_errno(err, errno, "tare-systemd: seal");
	return steal_fd(&fd);
}

/* In the child: the answer to the first request tells what failed. */
static void __attribute__((noreturn)) die(int socket, int code, const char *what)
{
	_cleanup_unit_message_ struct unit_message message = { 0 };
	char number[16], text[256];

	snprintf(number, sizeof number, "%d", code);
	snprintf(text, sizeof text, "execute tare-systemd: %s: %s", what,
		 error_errno_text(code));
	unit_message_add(&message, 0, "error");
	unit_message_add(&message, 0, number);
	unit_message_add(&message, 0, text);
	if (message.error == 0)
		(void)!send(socket, message.data, message.length, MSG_NOSIGNAL);
	_exit(127);
}

static void __attribute__((noreturn)) execute(int program, int socket, pid_t parent, bool user)
{
	char *const argv[] = { (char *)"tare-systemd", (char *)UNIT_MESSAGE_VERSION,
			       (char *)(user ? "user" : "system"), NULL };
	sigset_t none;
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		die(socket, errno, "open /dev/null");
	if (dup2(socket, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || process_cloexec_from(3) < 0)
		die(socket, errno, "its descriptors");
	syscall(__NR_execveat, program, "", argv, environ, AT_EMPTY_PATH);
	die(socket, errno,
	    errno == ENOENT ? "it is dynamically linked, and its loader" : "execveat");
}

int unit_helper_start(bool user, int *ret_socket, int *ret_pidfd, struct error *err)
{
	_cleanup_fd_ int program = -1, ours = -1, its = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	program = open_program(err);
	if (program < 0)
		return program;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "tare-systemd: socketpair");
	ours = ends[0];
	its = ends[1];
	pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, ret_pidfd);
	if (pid < 0)
		return error_errno(err, -pid, "tare-systemd: clone3");
	if (pid == 0)
		execute(program, its, parent, user);
	*ret_socket = steal_fd(&ours);
	return 0;
}

int unit_helper_send(int socket, const struct unit_message *message, struct error *err)
{
	if (message->error == -E2BIG)
		return error_set(err, E2BIG, "the unit's properties take more than %d bytes",
				 UNIT_MESSAGE_MAX);
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
	struct unit_words words;
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
	if ((size_t)n > sizeof data || !unit_words_open(&words, data, (size_t)n))
		return error_set(err, EBADMSG, "malformed answer of tare-systemd");
	r = unit_words_answer(&words, &text);
	if (r == 0)
		return 0;
	return error_set(err, -r, "%s", text ? text : "malformed answer of tare-systemd");
}
