/* Composing messages to the service manager: the words of cgroup/unit_message.h become values of the types that they
 * name. Whether these fit the signature of a property sd-bus checks itself, and what they mean is decided by whoever
 * has sent them. */
#include "helpers/manager.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/unit_message.h"

#define NESTED_MAX 64

int manager_malformed(struct error *err)
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
		return manager_malformed(err);
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
			return manager_malformed(err);
		r = h->f.sd_bus_message_append_basic(m, 'd', &number);
	} else {
		return manager_malformed(err);
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
				return manager_malformed(err);
			open[depth++] = closing[mark - opening];
			r = h->f.sd_bus_message_open_container(m, container_type(*word),
							       word + 1);
		} else if (strchr(closing, *word)) {
			if (depth == 0 || open[--depth] != *word)
				return manager_malformed(err);
			r = h->f.sd_bus_message_close_container(m);
		} else {
			r = append_basic(h, m, word, err);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return error_errno(err, -r, "compose the message");
	}
	return word && depth == 0 ? 0 : manager_malformed(err);
}

static int append_property(const struct helper *h, sd_bus_message *m, const char *name,
			   struct packet_words *words, struct error *err)
{
	const char *signature = packet_next(words);
	int r;

	if (!signature)
		return manager_malformed(err);
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

int manager_append_properties(const struct helper *h, sd_bus_message *m,
			      struct request *request, struct error *err)
{
	struct packet_words words = request->properties;
	const char *name, *word;
	int r;

	r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");
	while (r >= 0 && (name = packet_next(&words))) {
		if (*name != '+' && *name != '?')
			return manager_malformed(err);
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

int manager_new_call(const struct helper *h, const char *method, sd_bus_message **ret_message,
		     struct error *err)
{
	/* without a bus daemon there are no names, and the destination is ignored */
	int r = h->f.sd_bus_message_new_method_call(h->bus, ret_message, MANAGER, MANAGER_PATH,
						    MANAGER_INTERFACE, method);

	return r < 0 ? error_errno(err, -r, "compose the message") : 0;
}

int manager_call_strings(const struct helper *h, const struct manager_call *call,
			 sd_bus_error *error, sd_bus_message **ret_reply, struct error *err)
{
	sd_bus_message *m = NULL;
	size_t i;
	int r = manager_new_call(h, call->method, &m, err);

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

/* The state of the unit, "active", into @state; empty when there is none. */
static int read_state(const struct helper *h, const char *unit, char *state, size_t size,
		      struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	const char *word = "";
	int i, r = manager_new_call(h, "ListUnitsByNames", &m, err);

	if (r < 0)
		return r;
	r = h->f.sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
	if (r >= 0)
		r = h->f.sd_bus_message_append_basic(m, 's', unit);
	if (r >= 0)
		r = h->f.sd_bus_message_close_container(m);
	if (r >= 0)
		r = h->f.sd_bus_call(h->bus, m, (uint64_t)PATIENCE_MS * 1000, &error, &reply);
	if (r >= 0)
		r = h->f.sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY,
							"(ssssssouso)");
	if (r >= 0)
		r = h->f.sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT,
							"ssssssouso");
	/* name, description, load state, active state */
	for (i = 0; i < 4 && r > 0; i++)
		r = h->f.sd_bus_message_read_basic(reply, 's', &word);
	snprintf(state, size, "%s", r > 0 ? word : "");
	if (r < 0)
		error_set(err, -r, "ListUnitsByNames: %s",
			  error.message ? error.message : error_errno_text(-r));
	h->f.sd_bus_error_free(&error);
	h->f.sd_bus_message_unref(reply);
	h->f.sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

bool manager_has_deserted(const struct helper *h, const char *unit)
{
	const struct manager_call call = { "GetUnitProcesses", { unit } };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct error err = ERROR_INIT;
	sd_bus_message *reply = NULL;
	bool deserted = false;
	char state[32];
	int r;

	/* the state first: what is active by then has got the processes that it was started with */
	r = read_state(h, unit, state, sizeof state, &err);
	if (r >= 0 && strcmp(state, "active") == 0) {
		r = manager_call_strings(h, &call, &error, &reply, &err);
		if (r >= 0)
			r = h->f.sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY,
								"(sus)");
		if (r >= 0)
			r = h->f.sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT,
								"sus");
		deserted = r == 0;
		if (r < 0 && err.code == 0)
			error_errno(&err, -r, "GetUnitProcesses");
	}
	if (err.code != 0)
		error_ignore(&err, "the unit is left alone");
	h->f.sd_bus_error_free(&error);
	h->f.sd_bus_message_unref(reply);
	return deserted;
}
