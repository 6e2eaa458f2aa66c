/* Speaking to tare-netdev: it is executed early, so that its start and the making of the container's namespaces go on
 * at the same time, and asked when the init is there and waits. It has tare's privileges, which are those over the host's
 * network namespace and, being its creator's, over the container's. Nothing here waits with a limit, as all that
 * the helper does is the kernel's work. */
#include "process/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "base/trace.h"
#include "kernel/process.h"

#define MALFORMED "malformed answer of tare-netdev"

int netdev_open_namespace(const struct plan_namespaces *plan, const struct join_set *join,
			  const struct child *child, int proc)
{
	char path[64];
	int fd;

	if (plan->of[SPEC_NAMESPACE_NETWORK].mode == PLAN_NS_JOIN)
		fd = fcntl(join->fds[SPEC_NAMESPACE_NETWORK], F_DUPFD_CLOEXEC, 3);
	else {
		snprintf(path, sizeof path, "%d/ns/net", (int)child->pid);
		fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* Sends a request. A helper that is gone has said why, or its end tells: the answer is read in any case.
 * @fd: to go along, or -1. */
static int send_request(int socket, const struct packet *packet, int fd)
{
	int r = packet_send(socket, packet, fd);

	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int send_word(int socket, const char *word)
{
	_cleanup_packet_ struct packet packet = { 0 };

	packet_add(&packet, 0, word);
	return send_request(socket, &packet, -1);
}

static int explain_end(const struct netdev_helper *helper, struct error *err)
{
	int status = 0;

	if (process_wait(helper->pidfd, &status) < 0)
		return error_set(err, EPIPE, "tare-netdev has ended without an answer");
	return error_set(err, EPIPE, "tare-netdev has ended with status %d without an answer",
			 status);
}

/* Returns the length of the answer. */
static int receive(const struct netdev_helper *helper, char *data, size_t size,
		   struct error *err)
{
	ssize_t n;

	do
		n = recv(helper->socket, data, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return explain_end(helper, err);
	if (n < 0)
		return error_errno(err, errno, "hear of tare-netdev");
	return (size_t)n > size ? error_set(err, EBADMSG, MALFORMED) : (int)n;
}

bool netdev_read_answer(const char *data, size_t length, struct error *err)
{
	const char *text = NULL;
	struct packet_words words;
	int r;

	r = packet_open(&words, data, length) ? packet_answer(&words, &text) : -EBADMSG;
	if (text)
		error_set(err, -r, "%s", text);
	return r == 0 || text;
}

static void add_devices(struct packet *packet, const struct plan *plan)
{
	const struct spec_net_device *device;
	char place[64];
	size_t i;

	packet_add(packet, 0, "move");
	packet_add(packet, 0, "linux.netDevices");
	for (i = 0; i < plan->n_net_devices; i++) {
		device = &plan->net_devices[i];
		snprintf(place, sizeof place, "linux.netDevices.%s", device->host_name);
		packet_add(packet, 0, place);
		packet_add(packet, 0, device->host_name);
		packet_add(packet, 0, device->name ? device->name : device->host_name);
	}
}

int netdev_move(struct netdev_helper *helper, const struct plan *plan, int target,
		struct error *err)
{
	_cleanup_packet_ struct packet packet = { 0 };
	char data[ERROR_TEXT_MAX + 64];
	int n, r;

	add_devices(&packet, plan);
	r = send_request(helper->socket, &packet, target);
	if (r < 0)
		return error_errno(err, -r, "linux.netDevices: ask tare-netdev");
	helper->asked = true;
	n = receive(helper, data, sizeof data, err);
	helper->unheard = n < 0;
	if (n < 0)
		return error_at(err, "linux.netDevices");
	if (netdev_read_answer(data, (size_t)n, err))
		return -err->code;
	helper->asked = false; /* who speaks like that is asked nothing more */
	return error_set(err, EBADMSG, "linux.netDevices: " MALFORMED);
}

int netdev_count(const struct netdev_helper *helper, int target, char *data, struct error *err)
{
	_cleanup_packet_ struct packet packet = { 0 };
	int r;

	packet_add(&packet, 0, "count");
	r = send_request(helper->socket, &packet, target);
	return r < 0 ? error_errno(err, -r, "ask tare-netdev")
		     : receive(helper, data, PACKET_MAX, err);
}

void netdev_keep(const struct netdev_helper *helper)
{
	int r = helper->socket >= 0 ? send_word(helper->socket, "keep") : 0;

	if (r < 0)
		trace_debug("tare-netdev can't be told to keep: %s", error_errno_text(-r));
}

/* Says which devices the helper could not give back. */
static int read_report(const char *data, size_t length, struct error *err)
{
	struct packet_words words;
	const char *text;

	if (!packet_open(&words, data, length) || strcmp(packet_next(&words), "done") != 0)
		return error_set(err, EBADMSG, MALFORMED);
	while ((text = packet_next(&words)))
		trace_warning("%s", text);
	return 0;
}

/* The helper gives the devices back at the end of its socket, which closing would not be: the init has a copy. */
static void end_unheard(struct netdev_helper *helper)
{
	int status;

	if (shutdown(helper->socket, SHUT_RDWR) < 0 || process_wait(helper->pidfd, &status) < 0)
		trace_debug("tare-netdev can't be waited for");
	cleanup_fd(&helper->pidfd);
}

void netdev_give_back(struct netdev_helper *helper)
{
	_cleanup_free_ char *data = NULL;
	struct error err = ERROR_INIT;
	int r;

	if (!helper->asked)
		return;
	helper->asked = false;
	data = malloc(PACKET_MAX);
	r = data ? send_word(helper->socket, "back") : -ENOMEM;
	if (r < 0)
		error_errno(&err, -r, "ask tare-netdev");
	else
		r = receive(helper, data, PACKET_MAX, &err);
	if (r >= 0 && helper->unheard && netdev_read_answer(data, (size_t)r, &err)) {
		error_ignore(&err, "the answer that could not be received before");
		r = receive(helper, data, PACKET_MAX, &err);
	}
	if (r >= 0)
		r = read_report(data, (size_t)r, &err);
	if (r < 0) {
		trace_warning("linux.netDevices: whether the devices are back is not known: %s",
			      err.text);
		error_ignore(&err, "the creation's own error is the one to report");
		end_unheard(helper);
	}
}

void netdev_close(struct netdev_helper *helper)
{
	int status;

	if (helper->pidfd >= 0 && process_pidfd_signal(helper->pidfd, SIGKILL) < 0)
		trace_debug("tare-netdev is gone already");
	cleanup_fd(&helper->socket);
	if (helper->pidfd >= 0 && process_wait(helper->pidfd, &status) < 0)
		trace_debug("tare-netdev was reaped already");
	cleanup_fd(&helper->pidfd);
}
