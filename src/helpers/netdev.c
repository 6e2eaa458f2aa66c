/* tare-netdev: moves network devices into a container's network namespace, a program of its own, so that nothing of
 * libmnl is in the process that makes containers; and reads the counters of interfaces. tare has it embedded,
 * executes it from memory for config.json's linux.netDevices and for `events`, and speaks to it as
 * process/netdev_message.h says. It ends with the other end of its socket, and first moves everything back unless it
 * was told that the devices are the container's: a tare that is killed leaves them neither in a namespace that
 * vanishes with its init nor half configured. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "helpers/counters.h"
#include "helpers/devices.h"
#include "process/netdev_message.h"

#define SOCKET STDIN_FILENO

struct helper {
	struct devices devices;
	bool kept; /* the devices are the container's */
	struct error at_start; /* answers a request */
};

/* A signal to the caller's process group, or to that of its terminal, ends tare; what has moved goes back then. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Returns the length of the packet, 0 at the end. @ret_fd: what came along, or -1. */
static ssize_t receive(char *data, size_t size, int *ret_fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { data, size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	const struct cmsghdr *passed;
	ssize_t n;

	*ret_fd = -1;
	header.msg_control = control.room;
	header.msg_controllen = sizeof control.room;
	do
		n = recvmsg(SOCKET, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	passed = n > 0 ? CMSG_FIRSTHDR(&header) : NULL;
	if (passed && passed->cmsg_level == SOL_SOCKET && passed->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(passed), sizeof *ret_fd);
	return n > 0 ? n : 0;
}

/* Nobody may be there to hear it, which the next receive() tells. @instead, of @size: when there was no room. */
static void answer(const struct packet *packet, const char *instead, size_t size)
{
	if (packet->error == 0)
		(void)!send(SOCKET, packet->data, packet->length, MSG_NOSIGNAL);
	else
		(void)!send(SOCKET, instead, size, MSG_NOSIGNAL);
}

static void answer_error(const struct error *err)
{
	static const char instead[] = "error\0"
				      "12\0" /* ENOMEM */
				      "tare-netdev: out of memory";
	_cleanup_packet_ struct packet packet = { 0 };

	packet_add_answer(&packet, err->code, err->text);
	answer(&packet, instead, sizeof instead);
}

static int malformed(struct error *err)
{
	return error_set(err, EBADMSG, "tare-netdev: malformed request");
}

/* @data: the request; the list of devices is needed to the end. */
static int move(struct helper *h, const char *data, size_t length, int there, struct error *err)
{
	struct arena *arena = h->devices.arena;
	struct packet_words words;
	char *copy;

	if (h->devices.list || there < 0)
		return malformed(err);
	copy = arena_alloc(arena, length);
	if (!copy)
		return error_oom(err);
	memcpy(copy, data, length);
	if (!packet_open(&words, copy, length) || !packet_next(&words))
		return malformed(err);
	return devices_move(&h->devices, there, &words, err);
}

static void give_back(struct helper *h)
{
	static const char instead[] =
		"done\0"
		"network devices could not be given back, too many to say";
	_cleanup_packet_ struct packet report = { 0 };

	packet_add(&report, 0, "done");
	devices_give_back(&h->devices, &report);
	answer(&report, instead, sizeof instead);
}

/* Answers with the counters of the interfaces in the network namespace @there. */
static void count(struct helper *h, int there, struct error *err)
{
	static const char instead[] = "error\0"
				      "7\0" /* E2BIG */
				      "tare-netdev: there are too many interfaces";
	_cleanup_packet_ struct packet packet = { 0 };
	struct mnl_socket *socket;

	if (there < 0) {
		malformed(err);
	} else if (rtnl_open_in(there, h->devices.home, &socket, err) >= 0) {
		packet_add(&packet, 0, "counters");
		if (counters_read(socket, &packet, err) >= 0)
			answer(&packet, instead, sizeof instead);
		rtnl_close(&socket);
	}
	if (err->code != 0)
		answer_error(err);
}

static void serve(struct helper *h, const char *data, size_t length, int fd)
{
	struct error err = h->at_start;
	struct packet_words words;
	const char *verb = packet_open(&words, data, length) ? packet_next(&words) : "";

	if (strcmp(verb, "keep") == 0) {
		h->kept = true;
	} else if (strcmp(verb, "back") == 0) {
		give_back(h);
	} else if (err.code != 0) {
		answer_error(&err);
	} else if (strcmp(verb, "count") == 0) {
		count(h, fd, &err);
	} else {
		int r = strcmp(verb, "move") == 0 ? move(h, data, length, fd, &err)
						  : malformed(&err);

		if (r < 0 && err.code == 0)
			error_set(&err, -r, "an error without a text");
		answer_error(&err);
	}
}

/* What fails is told when there is a request. */
static void get_ready(struct helper *h)
{
	struct error *err = &h->at_start;

	h->devices.home = NETDEV_MESSAGE_HOME;
	h->devices.arena = arena_new();
	if (!h->devices.arena)
		error_oom(err);
	else if (rtnl_load(err) < 0 || rtnl_open(&h->devices.here, err) < 0)
		error_at(err, "linux.netDevices");
}

int main(int argc, char **argv)
{
	static char data[PACKET_MAX + 1];
	struct helper h = { .at_start = ERROR_INIT };
	ssize_t n;

	if (argc != 2 || strcmp(argv[1], NETDEV_MESSAGE_VERSION) != 0) {
		fprintf(stderr, "tare-netdev: a part of tare, not to be called by hand\n");
		return 1;
	}
	block_signals();
	get_ready(&h);
	for (;;) {
		_cleanup_fd_ int fd = -1;

		n = receive(data, sizeof data, &fd);
		if (n == 0)
			break;
		serve(&h, data, (size_t)n, fd);
	}
	if (!h.kept)
		give_back(&h);
	devices_close(&h.devices);
	arena_free(h.devices.arena);
	return 0;
}
