/* The messages of tare-systemd to the service manager (org.freedesktop.systemd1(5)). */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/packet.h"
#include "helpers/bus.h"

#define PATIENCE_MS 30000 /* for a job, as the other runtimes */
#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER ".Manager"

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

/* A method that takes nothing but strings. */
struct manager_call {
	const char *method;
	const char *strings[2]; /* up to a NULL */
};

/* Says EBADMSG of a request that tare has sent. */
int manager_malformed(struct error *err) _must_check_;

/* A call of a method of the manager's, still without arguments. The caller unrefs *ret_message. */
int manager_new_call(const struct helper *h, const char *method, sd_bus_message **ret_message,
		     struct error *err) _must_check_;

/* Makes the call and waits for its answer; @ret_reply: NULL, or the caller's to unref. */
int manager_call_strings(const struct helper *h, const struct manager_call *call,
			 sd_bus_error *error, sd_bus_message **ret_reply,
			 struct error *err) _must_check_;

/* Whether systemd takes the unit for active although no process is in it. So it stays when its only process was dead, but
 * not yet reaped, when systemd put it there: the kernel leaves a dying process where it is without a word
 * (cgroup_migrate_add_task() in kernel/cgroup/cgroup.c), and a cgroup that never had one never becomes empty.
 * False also when systemd does not say. */
bool manager_has_deserted(const struct helper *h, const char *unit);

/* Appends the request's properties, without the optional ones where it says so. */
int manager_append_properties(const struct helper *h, sd_bus_message *m,
			      struct request *request, struct error *err) _must_check_;
