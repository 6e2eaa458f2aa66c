/* tare-systemd: the systemd driver's way to the service manager, a program of its own, so that nothing of
 * libsystemd and what it loads is in the process that makes containers. tare has it embedded, executes it from
 * memory when a container with a unit is made, changed or removed, and speaks to it as cgroup/unit_message.h
 * says. It decides nothing: each request is a few calls on the bus (org.freedesktop.systemd1(5)), and waiting
 * for the job that they start. It ends when tare closes the other end, or with tare. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cgroup/unit_message.h"
#include "helpers/manager.h"

#define REQUESTS STDIN_FILENO

/* ---- jobs ---- */

static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct helper *h = data;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (h->f.sd_bus_message_read_basic(m, 'u', &id) <= 0 ||
	    h->f.sd_bus_message_read_basic(m, 'o', &path) <= 0 ||
	    h->f.sd_bus_message_read_basic(m, 's', &unit) <= 0 ||
	    h->f.sd_bus_message_read_basic(m, 's', &result) <= 0)
		return 0;
	if (strcmp(path, h->job) == 0) {
		snprintf(h->result, sizeof h->result, "%s", result);
		h->done = true;
	}
	return 0;
}

/* Before the call that makes the job: its end can come right behind the answer. */
static int listen_for_jobs(struct helper *h, struct error *err)
{
	sd_bus_message *m = NULL;
	int r;

	h->done = false;
	h->job[0] = '\0';
	if (h->matched)
		return 0;
	r = h->f.sd_bus_match_signal(h->bus, NULL, h->direct ? NULL : MANAGER, MANAGER_PATH,
				     MANAGER_INTERFACE, "JobRemoved", on_job_removed, h);
	if (r < 0)
		return error_errno(err, -r, "listen for jobs");
	h->matched = true;
	if (h->direct)
		return 0;
	/* who comes by the bus has to say that it wants signals; nobody waits for the answer */
	r = manager_new_call(h, "Subscribe", &m, err);
	if (r < 0)
		return r;
	r = h->f.sd_bus_message_set_expect_reply(m, 0);
	if (r >= 0)
		r = h->f.sd_bus_send(h->bus, m, NULL);
	h->f.sd_bus_message_unref(m);
	return r < 0 ? error_errno(err, -r, "Subscribe") : 0;
}

static int remember_job(struct helper *h, sd_bus_message *reply, struct error *err)
{
	const char *path;
	int r = h->f.sd_bus_message_read_basic(reply, 'o', &path);

	if (r <= 0 || strlen(path) >= sizeof h->job)
		return error_set(err, EBADMSG, "an answer without a job");
	memcpy(h->job, path, strlen(path) + 1);
	return 0;
}

/* Waits until the bus has something, or for tare to be gone. */
static int wait_for_bus(const struct helper *h, int64_t deadline, struct error *err)
{
	struct pollfd fds[2] = {
		{ .fd = h->f.sd_bus_get_fd(h->bus) },
		{ .fd = REQUESTS },
	};
	int64_t left = deadline - now_ms();
	int events = h->f.sd_bus_get_events(h->bus), r;

	if (events < 0)
		return error_errno(err, -events, "wait for systemd");
	fds[0].events = (short)events;
	if (left <= 0)
		return error_set(err, ETIMEDOUT, "no end within %d seconds",
				 PATIENCE_MS / 1000);
	r = poll(fds, 2, (int)left);
	if (r < 0 && errno != EINTR)
		return error_errno(err, errno, "wait for systemd");
	if (r > 0 && fds[1].revents & (POLLHUP | POLLERR))
		exit(0);
	return 0;
}

static int wait_for_job(struct helper *h, struct error *err)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	int r;

	while (!h->done) {
		r = h->f.sd_bus_process(h->bus, NULL);
		if (r < 0)
			return error_errno(err, -r, "wait for systemd");
		if (r == 0) {
			r = wait_for_bus(h, deadline, err);
			if (r < 0)
				return r;
		}
	}
	if (strcmp(h->result, "done") == 0)
		return 0;
	return error_set(err, strcmp(h->result, "timeout") == 0 ? ETIMEDOUT : EIO,
			 "the job's result is \"%s\" (systemctl status, or the journal, says "
			 "why)",
			 h->result);
}

/* ---- requests ---- */

/* A failed unit that nobody has looked at keeps its name. */
static void reset_failed(const struct helper *h, const char *unit)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct error ignored = ERROR_INIT;

	const struct manager_call call = { "ResetFailedUnit", { unit } };

	if (manager_call_strings(h, &call, &error, NULL, &ignored) < 0)
		error_ignore(&ignored, "there is no such unit any more");
	h->f.sd_bus_error_free(&error);
}

static int call_start(struct helper *h, struct request *request, sd_bus_error *error,
		      struct error *err)
{
	sd_bus_message *m = NULL, *reply = NULL;
	int r = manager_new_call(h, "StartTransientUnit", &m, err);

	if (r < 0)
		return r;
	r = h->f.sd_bus_message_append_basic(m, 's', request->unit);
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 's', "replace");
	if (r < 0)
		r = error_errno(err, -r, "compose the message");
	else
		r = manager_append_properties(h, m, request, err);
	if (r >= 0) {
		r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sa(sv))");
		if (r >= 0)
			r = h->f.sd_bus_message_close_container(m);
		if (r >= 0)
			r = h->f.sd_bus_call(h->bus, m, (uint64_t)PATIENCE_MS * 1000, error,
					     &reply);
		if (r < 0)
			error_set(err, -r, "%s",
				  error->message ? error->message : error_errno_text(-r));
		else
			r = remember_job(h, reply, err);
	}
	h->f.sd_bus_message_unref(reply);
	h->f.sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static bool unknown_property(const struct helper *h, const sd_bus_error *error)
{
	return h->f.sd_bus_error_has_name(error, SD_BUS_ERROR_PROPERTY_READ_ONLY) ||
	       h->f.sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_PROPERTY) ||
	       h->f.sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS);
}

static int stop(struct helper *h, const char *unit, struct error *err);

/* Of a start that did not work out nothing stays, not even a job that would still be done. */
static int await_start(struct helper *h, const struct request *request, struct error *err)
{
	struct error ignored = ERROR_INIT;
	int r = wait_for_job(h, err);

	if (r < 0 && stop(h, request->unit, &ignored) < 0)
		error_ignore(&ignored, "what failed first is reported");
	return r;
}

/* What a tare that was killed may have left behind. */
static int remove_deserted(struct helper *h, const char *unit, struct error *err)
{
	return manager_has_deserted(h, unit) ? stop(h, unit, err) : 0;
}

static int start(struct helper *h, struct request *request, struct error *err)
{
	bool reset = false;
	int r;

	r = listen_for_jobs(h, err);
	if (r < 0)
		return r;
	for (;;) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		bool exists, unknown;

		r = call_start(h, request, &error, err);
		exists = h->f.sd_bus_error_has_name(&error, MANAGER ".UnitExists");
		unknown = unknown_property(h, &error);
		h->f.sd_bus_error_free(&error);
		if (r >= 0)
			return await_start(h, request, err);
		if (exists && !reset) {
			error_ignore(err,
				     "it may be one that has failed, or that nobody is in");
			reset = true;
			r = remove_deserted(h, request->unit, err);
			if (r < 0)
				return r;
			reset_failed(h, request->unit);
		} else if (unknown && request->has_optional && !request->without_optional) {
			error_ignore(err, "an older systemd; what it lacks it can do without");
			request->without_optional = true;
		} else {
			return exists ? error_set(err, EEXIST,
						  "there is a unit of that name already")
				      : r;
		}
	}
}

/* systemd writes to the cgroup after it has answered, before it reads the next message: so a second call, which
 * asks for nothing, is what tells that it is done. */
static int settle(const struct helper *h, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const struct manager_call call = { "GetDefaultTarget", { NULL } };
	int r = manager_call_strings(h, &call, &error, &reply, err);

	h->f.sd_bus_message_unref(reply);
	h->f.sd_bus_error_free(&error);
	return r;
}

static int call_set(struct helper *h, struct request *request, sd_bus_error *error,
		    struct error *err)
{
	sd_bus_message *m = NULL;
	const int runtime = 1;
	int r = manager_new_call(h, "SetUnitProperties", &m, err);

	if (r < 0)
		return r;
	r = h->f.sd_bus_message_append_basic(m, 's', request->unit);
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 'b', &runtime);
	if (r < 0)
		r = error_errno(err, -r, "compose the message");
	else
		r = manager_append_properties(h, m, request, err);
	if (r >= 0) {
		r = h->f.sd_bus_call(h->bus, m, (uint64_t)PATIENCE_MS * 1000, error, NULL);
		if (r < 0)
			error_set(err, -r, "%s",
				  error->message ? error->message : error_errno_text(-r));
	}
	h->f.sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int set(struct helper *h, struct request *request, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	bool unknown;
	int r = call_set(h, request, &error, err);

	unknown = unknown_property(h, &error);
	h->f.sd_bus_error_free(&error);
	if (r < 0 && unknown && request->has_optional) {
		error_ignore(err, "an older systemd; what it lacks it can do without");
		request->without_optional = true;
		r = call_set(h, request, &error, err);
		h->f.sd_bus_error_free(&error);
	}
	return r < 0 ? r : settle(h, err);
}

/* @words: the cgroup below the unit's, the process. */
static int move(const struct helper *h, const char *unit, struct packet_words *words,
		struct error *err)
{
	const char *below = packet_next(words), *number = packet_next(words);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	uint32_t pid;
	int r;

	if (!below || !number)
		return manager_malformed(err);
	pid = (uint32_t)strtoul(number, NULL, 10);
	r = manager_new_call(h, "AttachProcessesToUnit", &m, err);
	if (r < 0)
		return r;
	r = h->f.sd_bus_message_append_basic(m, 's', unit);
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 's', below);
	if (r >= 0)
		r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "u");
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 'u', &pid);
	if (r >= 0)
		r = h->f.sd_bus_message_close_container(m);
	if (r >= 0)
		r = h->f.sd_bus_call(h->bus, m, (uint64_t)PATIENCE_MS * 1000, &error, NULL);
	if (r < 0)
		error_set(err, -r, "AttachProcessesToUnit: %s",
			  error.message ? error.message : error_errno_text(-r));
	h->f.sd_bus_error_free(&error);
	h->f.sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

static int stop(struct helper *h, const char *unit, struct error *err)
{
	const struct manager_call call = { "StopUnit", { unit, "replace" } };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	bool gone;
	int r;

	r = listen_for_jobs(h, err);
	if (r < 0)
		return r;
	r = manager_call_strings(h, &call, &error, &reply, err);
	gone = h->f.sd_bus_error_has_name(&error, MANAGER ".NoSuchUnit");
	h->f.sd_bus_error_free(&error);
	if (r >= 0)
		r = remember_job(h, reply, err);
	h->f.sd_bus_message_unref(reply);
	if (gone) {
		error_ignore(err, "there is nothing to stop");
		return 0;
	}
	if (r >= 0)
		r = wait_for_job(h, err);
	reset_failed(h, unit);
	return r;
}

static int serve(struct helper *h, const char *data, size_t length, struct error *err)
{
	struct request request = { 0 };
	struct packet_words words;
	const char *verb;

	if (!packet_open(&words, data, length))
		return manager_malformed(err);
	verb = packet_next(&words);
	request.unit = packet_next(&words);
	request.properties = words;
	if (!request.unit)
		return manager_malformed(err);
	if (strcmp(verb, "start") == 0)
		return start(h, &request, err);
	if (strcmp(verb, "set") == 0)
		return set(h, &request, err);
	if (strcmp(verb, "move") == 0)
		return move(h, request.unit, &request.properties, err);
	if (strcmp(verb, "stop") == 0 && !packet_next(&words))
		return stop(h, request.unit, err);
	if (strcmp(verb, "stop-deserted") == 0 && !packet_next(&words))
		return remove_deserted(h, request.unit, err);
	return manager_malformed(err);
}

static int answer(const struct error *err)
{
	_cleanup_packet_ struct packet message = { 0 };

	packet_add_answer(&message, err->code, err->text);
	if (message.error != 0)
		return message.error;
	return send(REQUESTS, message.data, message.length, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	static char data[PACKET_MAX + 1];
	struct error at_start = ERROR_INIT;
	struct helper h = { 0 };
	ssize_t n;
	int r;

	if (argc != 3 || strcmp(argv[1], UNIT_MESSAGE_VERSION) != 0) {
		fprintf(stderr, "tare-systemd: a part of tare, not to be called by hand\n");
		return 1;
	}
	r = bus_load(&h.f, &at_start);
	if (r >= 0)
		r = bus_connect(&h.f, strcmp(argv[2], "user") == 0, &h.bus, &h.direct,
				&at_start);
	for (;;) {
		struct error err = at_start;

		n = recv(REQUESTS, data, sizeof data, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (r >= 0 && serve(&h, data, (size_t)n, &err) < 0 && err.code == 0)
			error_set(&err, EIO, "an error without a text");
		if (answer(&err) < 0)
			break;
	}
	if (h.bus)
		h.f.sd_bus_flush_close_unref(h.bus);
	return 0;
}
