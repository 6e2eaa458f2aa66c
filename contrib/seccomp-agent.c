/* An example of a seccomp agent: what linux.seccomp.listenerPath names (tare-config(5), seccomp_unotify(2)).
 *
 *     cc -o seccomp-agent contrib/seccomp-agent.c && ./seccomp-agent /run/agent.sock
 *
 * It listens on the socket, receives containers' listeners, says on its output what it is asked, and answers:
 * mkdir of /forbidden is refused, openat of a file below /agent/ gets a file of the agent's own making, all else
 * goes on. Kernel fact: the arguments are the container's memory, which may change after it was read: "go on" is
 * no way to allow what was checked, only to leave alone what needs no check. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS_MAX 64
#define STATE_MAX 65536
#define AGENT_TEXT "served by the agent\n"

#ifdef __x86_64__
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_* is this?"
#endif

/* The kernel of tomorrow may have larger structures, and fills in what it has. */
union request {
	struct seccomp_notif notif;
	char room[1024];
};

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, 16) < 0)
		return -1;
	return fd;
}

static int take_descriptor(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* One connection is one container process state: JSON up to the end of file, with the listener in the first
 * message. Returns the listener, or -1. */
static int receive_listener(int server)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	static char state[STATE_MAX];
	int connection = accept4(server, NULL, NULL, SOCK_CLOEXEC), listener = -1, fd;
	size_t length = 0;
	ssize_t n;

	do {
		struct iovec part = { state + length, sizeof state - 1 - length };
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control.space,
					  .msg_controllen = sizeof control.space };

		n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
		fd = n > 0 ? take_descriptor(&message) : -1;
		if (fd >= 0)
			listener = fd;
		if (n > 0)
			length += (size_t)n;
	} while (n > 0);
	if (connection >= 0)
		close(connection);
	state[length] = '\0';
	printf("state %s\n", state);
	return listener;
}

/* Reads a string of the caller's. Afterwards the request must still stand: else the number may be another
 * process's by now. */
static bool read_path(int listener, const struct seccomp_notif *notif, uint64_t from,
		      char *path, size_t size)
{
	/* not beyond the page: the next one may not be there */
	size_t wanted = 4096 - from % 4096;
	struct iovec local = { path, wanted < size ? wanted : size - 1 };
	struct iovec remote = { (void *)(uintptr_t)from, local.iov_len };
	uint64_t id = notif->id;
	ssize_t n = process_vm_readv((pid_t)notif->pid, &local, 1, &remote, 1, 0);

	if (n < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		return false;
	path[n] = '\0';
	return true;
}

static void answer(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp response = { .id = id, .error = -error };

	if (error == 0)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT)
		perror("SECCOMP_IOCTL_NOTIF_SEND");
}

/* The system call returns a descriptor of the file, in one step (Linux 5.14). */
static void answer_with_file(int listener, const struct seccomp_notif *notif, const char *path)
{
	struct seccomp_notif_addfd add = {
		.id = notif->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.newfd_flags = (uint32_t)notif->data.args[2] & O_CLOEXEC,
	};
	int file = memfd_create("agent", MFD_CLOEXEC), number;

	if (file < 0 || write(file, AGENT_TEXT, strlen(AGENT_TEXT)) < 0 ||
	    lseek(file, 0, SEEK_SET) < 0) {
		answer(listener, notif->id, EIO);
		return;
	}
	add.srcfd = (uint32_t)file;
	number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	printf("openat %s: descriptor %d\n", path, number);
	close(file);
}

static void serve(int listener)
{
	union request request = { 0 };
	const struct seccomp_notif *notif = &request.notif;
	char path[512] = "";
	int number;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
		return; /* ENOENT: the caller was killed meanwhile */
	number = notif->data.arch == NATIVE_ARCHITECTURE ? notif->data.nr : -1;
#ifdef SYS_mkdir
	if (number == SYS_mkdir &&
	    read_path(listener, notif, notif->data.args[0], path, sizeof path)) {
		printf("mkdir %s\n", path);
		answer(listener, notif->id, strcmp(path, "/forbidden") == 0 ? EXDEV : 0);
		return;
	}
#endif
	if ((number == SYS_mkdirat || number == SYS_openat) &&
	    read_path(listener, notif, notif->data.args[1], path, sizeof path)) {
		if (number == SYS_openat && strncmp(path, "/agent/", 7) == 0) {
			answer_with_file(listener, notif, path);
			return;
		}
		if (number == SYS_mkdirat)
			printf("mkdir %s\n", path);
	}
	answer(listener, notif->id,
	       number == SYS_mkdirat && strcmp(path, "/forbidden") == 0 ? EXDEV : 0);
}

int main(int argc, char **argv)
{
	struct pollfd fds[1 + LISTENERS_MAX];
	nfds_t n = 1, i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fds[0] = (struct pollfd){ .fd = argc == 2 ? listen_at(argv[1]) : -1, .events = POLLIN };
	if (fds[0].fd < 0) {
		fprintf(stderr, "usage: seccomp-agent SOCKET (%s)\n", strerror(errno));
		return 1;
	}
	printf("listening\n");
	while (poll(fds, n, -1) >= 0 || errno == EINTR) {
		for (i = n - 1; i > 0; i--) {
			if (fds[i].revents & POLLIN) {
				serve(fds[i].fd);
			} else if (fds[i].revents) { /* nobody is under the filter any more */
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		}
		if (fds[0].revents & POLLIN && n <= LISTENERS_MAX) {
			fds[n] = (struct pollfd){ .fd = receive_listener(fds[0].fd),
						  .events = POLLIN };
			n += fds[n].fd >= 0;
		}
	}
	return 1;
}
