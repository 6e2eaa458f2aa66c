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
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/unit_message.h"
#include "helpers/bus.h"

#define REQUESTS STDIN_FILENO
#define PATIENCE_MS 30000 /* for a job, as the other runtimes */
#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER ".Manager"
#define NESTED_MAX 64

struct helper {
	struct bus_functions f;
	sd_bus *bus;
	bool direct, subscribed, matched;
	/* the job that is waited for, and how it ended */
	char job[256], result[64];
	bool done;
};

struct request {
	const char *unit;
	struct packet_words properties;
	bool has_optional, without_optional;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- messages ---- */

static int malformed(struct error *err)
{
	return error_set(err, EBADMSG, "tare-systemd: malformed request");
}

/* @letter is a type whose value is an integer of some width. */
static int append_integer(const struct helper *h, sd_bus_message *m, char letter,
			  const char *digits, struct error *err)
{
	union {
		uint8_t y;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
		int b;
	} value = { 0 };
	uint64_t number;
	char *end;
	int r;

	errno = 0;
	number = *digits == '-' ? (uint64_t)strtoll(digits, &end, 10)
				: strtoull(digits, &end, 10);
	if (*digits == '\0' || *end != '\0' || errno != 0)
		return malformed(err);
	switch (letter) {
	case 'b':
		value.b = number != 0;
		break;
	case 'y':
		value.y = (uint8_t)number;
		break;
	case 'n':
	case 'q':
		value.q = (uint16_t)number;
		break;
	case 'i':
	case 'u':
		value.u = (uint32_t)number;
		break;
	default:
		value.t = number;
	}
	r = h->f.sd_bus_message_append_basic(m, letter, &value);
	return r < 0 ? error_errno(err, -r, "compose the message") : 0;
}

static int append_basic(const struct helper *h, sd_bus_message *m, const char *word,
			struct error *err)
{
	double number;
	char *end;
	int r;

	if (strchr("bynqiuxt", *word))
		return append_integer(h, m, *word, word + 1, err);
	if (strchr("sog", *word)) {
		r = h->f.sd_bus_message_append_basic(m, *word, word + 1);
	} else if (*word == 'd') {
		number = strtod(word + 1, &end);
		if (*end != '\0')
			return malformed(err);
		r = h->f.sd_bus_message_append_basic(m, 'd', &number);
	} else {
		return malformed(err);
	}
	return r < 0 ? error_errno(err, -r, "\"%.100s\"", word + 1) : 0;
}

/* The type that sd-bus has for a container's first letter. */
static char container_type(char letter)
{
	return letter == '('   ? SD_BUS_TYPE_STRUCT
	       : letter == '{' ? SD_BUS_TYPE_DICT_ENTRY
			       : letter;
}

/* The words of one value, up to the empty one. sd-bus itself checks that they fit the signature. */
static int append_value(const struct helper *h, sd_bus_message *m, struct packet_words *words,
			struct error *err)
{
	static const char opening[] = "a({v", closing[] = "])}>";
	char open[NESTED_MAX];
	unsigned depth = 0;
	const char *word, *mark;
	int r;

	while ((word = packet_next(words)) && *word) {
		mark = strchr(opening, *word);
		if (mark) {
			if (depth == NESTED_MAX)
				return malformed(err);
			open[depth++] = closing[mark - opening];
			r = h->f.sd_bus_message_open_container(m, container_type(*word),
							       word + 1);
		} else if (strchr(closing, *word)) {
			if (depth == 0 || open[--depth] != *word)
				return malformed(err);
			r = h->f.sd_bus_message_close_container(m);
		} else {
			r = append_basic(h, m, word, err);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return error_errno(err, -r, "compose the message");
	}
	return word && depth == 0 ? 0 : malformed(err);
}

static int append_property(const struct helper *h, sd_bus_message *m, const char *name,
			   struct packet_words *words, struct error *err)
{
	const char *signature = packet_next(words);
	int r;

	if (!signature)
		return malformed(err);
	r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_STRUCT, "sv");
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 's', name);
	if (r >= 0)
		r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, signature);
	if (r < 0)
		return error_errno(err, -r, "compose the message");
	r = append_value(h, m, words, err);
	if (r < 0)
		return error_at(err, "property %s", name);
	r = h->f.sd_bus_message_close_container(m);
	if (r >= 0)
		r = h->f.sd_bus_message_close_container(m);
	return r < 0 ? error_errno(err, -r, "property %s", name) : 0;
}

static int append_properties(const struct helper *h, sd_bus_message *m, struct request *request,
			     struct error *err)
{
	struct packet_words words = request->properties;
	const char *name, *word;
	int r;

	r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");
	while (r >= 0 && (name = packet_next(&words))) {
		if (*name != '+' && *name != '?')
			return malformed(err);
		if (*name == '?') {
			request->has_optional = true;
			if (request->without_optional) {
				while ((word = packet_next(&words)) && *word)
					;
				continue;
			}
		}
		r = append_property(h, m, name + 1, &words, err);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		r = h->f.sd_bus_message_close_container(m);
	return r < 0 ? error_errno(err, -r, "compose the message") : 0;
}

static int new_call(const struct helper *h, const char *method, sd_bus_message **ret_message,
		    struct error *err)
{
	/* without a bus daemon there are no names, and the destination is ignored */
	int r = h->f.sd_bus_message_new_method_call(h->bus, ret_message, MANAGER, MANAGER_PATH,
						    MANAGER_INTERFACE, method);

	return r < 0 ? error_errno(err, -r, "compose the message") : 0;
}

/* A method that takes nothing but strings. */
struct call {
	const char *method;
	const char *strings[2]; /* up to a NULL */
};

static int call_strings(const struct helper *h, const struct call *call, sd_bus_error *error,
			sd_bus_message **ret_reply, struct error *err)
{
	sd_bus_message *m = NULL;
	size_t i;
	int r = new_call(h, call->method, &m, err);

	if (r < 0)
		return r;
	for (i = 0; i < ELEMENTS_OF(call->strings) && call->strings[i] && r >= 0; i++)
		r = h->f.sd_bus_message_append_basic(m, 's', call->strings[i]);
	if (r >= 0)
		r = h->f.sd_bus_call(h->bus, m, (uint64_t)PATIENCE_MS * 1000, error, ret_reply);
	if (r < 0)
		error_set(err, -r, "%s: %s", call->method,
			  error->message ? error->message : error_errno_text(-r));
	h->f.sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

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
	r = new_call(h, "Subscribe", &m, err);
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

	const struct call call = { "ResetFailedUnit", { unit } };

	if (call_strings(h, &call, &error, NULL, &ignored) < 0)
		error_ignore(&ignored, "there is no such unit any more");
	h->f.sd_bus_error_free(&error);
}

static int call_start(struct helper *h, struct request *request, sd_bus_error *error,
		      struct error *err)
{
	sd_bus_message *m = NULL, *reply = NULL;
	int r = new_call(h, "StartTransientUnit", &m, err);

	if (r < 0)
		return r;
	r = h->f.sd_bus_message_append_basic(m, 's', request->unit);
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 's', "replace");
	if (r < 0)
		r = error_errno(err, -r, "compose the message");
	else
		r = append_properties(h, m, request, err);
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
			error_ignore(err, "it may be one that has failed");
			reset = true;
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
	const struct call call = { "GetDefaultTarget", { NULL } };
	int r = call_strings(h, &call, &error, &reply, err);

	h->f.sd_bus_message_unref(reply);
	h->f.sd_bus_error_free(&error);
	return r;
}

static int call_set(struct helper *h, struct request *request, sd_bus_error *error,
		    struct error *err)
{
	sd_bus_message *m = NULL;
	const int runtime = 1;
	int r = new_call(h, "SetUnitProperties", &m, err);

	if (r < 0)
		return r;
	r = h->f.sd_bus_message_append_basic(m, 's', request->unit);
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 'b', &runtime);
	if (r < 0)
		r = error_errno(err, -r, "compose the message");
	else
		r = append_properties(h, m, request, err);
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
		return malformed(err);
	pid = (uint32_t)strtoul(number, NULL, 10);
	r = new_call(h, "AttachProcessesToUnit", &m, err);
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
	const struct call call = { "StopUnit", { unit, "replace" } };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	bool gone;
	int r;

	r = listen_for_jobs(h, err);
	if (r < 0)
		return r;
	r = call_strings(h, &call, &error, &reply, err);
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
		return malformed(err);
	verb = packet_next(&words);
	request.unit = packet_next(&words);
	request.properties = words;
	if (!request.unit)
		return malformed(err);
	if (strcmp(verb, "start") == 0)
		return start(h, &request, err);
	if (strcmp(verb, "set") == 0)
		return set(h, &request, err);
	if (strcmp(verb, "move") == 0)
		return move(h, request.unit, &request.properties, err);
	if (strcmp(verb, "stop") == 0 && !packet_next(&words))
		return stop(h, request.unit, err);
	return malformed(err);
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
