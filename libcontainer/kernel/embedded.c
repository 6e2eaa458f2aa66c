/* A helper program from memory: what was embedded at build time is written to a memfd, sealed and executed, so
 * that tare stays one file, and the helper is the very one of this build. Kernel fact: execveat(2) with
 * AT_EMPTY_PATH executes a descriptor that is close-on-exec, as long as it is no script. */
#include "kernel/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/packet.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

#define ARGUMENTS_MAX 8

static int open_program(const struct embedded_program *program, struct error *err)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_fd_ int fd = memfd_create(program->name, flags | TARE_MFD_EXEC);
	int r;

	if (fd < 0 &&
	    errno == EINVAL) /* compat: below Linux 6.3, where memfds are executable */
		fd = memfd_create(program->name, flags);
	if (fd < 0)
		return error_errno(err, errno, "%s: memfd_create", program->name);
	r = fd_write_all(fd, program->begin, (size_t)(program->end - program->begin),
			 program->name, err);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
	    0)
		return error_errno(err, errno, "%s: seal", program->name);
	return steal_fd(&fd);
}

/* In the child: the answer to the first request tells what failed. */
static void __attribute__((noreturn))
die(const struct embedded_program *program, int socket, int code, const char *what)
{
	_cleanup_packet_ struct packet answer = { 0 };
	char text[256];

	snprintf(text, sizeof text, "execute %s: %s: %s", program->name, what,
		 error_errno_text(code));
	packet_add_answer(&answer, code, text);
	if (answer.error == 0)
		(void)!send(socket, answer.data, answer.length, MSG_NOSIGNAL);
	_exit(127);
}

/* Copies above all numbers that will be given away, so that no dup2() below closes what is still to be copied. */
static int lift(int fd, size_t n)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, (int)n + 3);
}

static int place_descriptors(const struct embedded_program *program, int socket)
{
	_cleanup_fd_ int null = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	int lifted[EMBEDDED_FDS_MAX];
	size_t i;

	if (null < 0)
		return -errno;
	for (i = 0; i < program->n_fds; i++) {
		lifted[i] = lift(program->fds[i], program->n_fds);
		if (lifted[i] < 0)
			return -errno;
	}
	if (dup2(socket, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return -errno;
	for (i = 0; i < program->n_fds; i++)
		if (dup2(lifted[i], (int)i + 3) < 0)
			return -errno;
	return process_cloexec_from((unsigned)program->n_fds + 3);
}

static void __attribute__((noreturn))
execute(const struct embedded_program *program, int file, int socket, pid_t parent)
{
	const char *argv[ARGUMENTS_MAX + 2] = { program->name };
	_cleanup_fd_ int code = -1;
	sigset_t none;
	size_t i;
	int r;

	if (!program->survives)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!program->survives && getppid() != parent)
		_exit(127);
	for (i = 0; i < ARGUMENTS_MAX && program->arguments[i]; i++)
		argv[i + 1] = program->arguments[i];
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* out of the way of the numbers that the descriptors get */
	socket = lift(socket, program->n_fds);
	code = lift(file, program->n_fds);
	if (socket < 0 || code < 0)
		_exit(127);
	r = place_descriptors(program, socket);
	if (r < 0)
		die(program, socket, -r, "its descriptors");
	syscall(__NR_execveat, code, "", argv, environ, AT_EMPTY_PATH);
	die(program, socket, errno,
	    errno == ENOENT ? "it is dynamically linked, and its loader" : "execveat");
}

int embedded_start(const struct embedded_program *program, int *ret_socket, int *ret_pidfd,
		   struct error *err)
{
	_cleanup_fd_ int file = -1, ours = -1, its = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (program->n_fds > EMBEDDED_FDS_MAX)
		return error_set(err, E2BIG, "%s: more than %d descriptors", program->name,
				 EMBEDDED_FDS_MAX);
	file = open_program(program, err);
	if (file < 0)
		return file;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "%s: socketpair", program->name);
	ours = ends[0];
	its = ends[1];
	pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, ret_pidfd);
	if (pid < 0)
		return error_errno(err, -pid, "%s: clone3", program->name);
	if (pid == 0)
		execute(program, file, its, parent);
	*ret_socket = steal_fd(&ours);
	return 0;
}
