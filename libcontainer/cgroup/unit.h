/* The systemd driver: the container's cgroup is that of a transient scope, which the service manager makes and
 * removes. The container is born in it as in any other; only a placeholder, a process that does nothing, is
 * ever moved, since systemd makes no scope without a process. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

/* A connection to the service manager, by the helper program (cgroup/unit_message.h), and what of a scope is
 * in the making. */
struct unit_session {
	int socket; /* to the helper; -1: none */
	int helper; /* its pidfd */
	int placeholder; /* pidfd; -1: none */
	pid_t placeholder_pid;
	bool asked; /* the request for the scope is sent, its answer not yet read */
};
#define UNIT_SESSION_INIT                                     \
	(struct unit_session)                                 \
	{                                                     \
		.socket = -1, .helper = -1, .placeholder = -1 \
	}

/* Whether this build has the driver. */
bool unit_supported(void);

/* Starts the helper, which begins to connect; nothing is waited for, and what fails in there is the answer to
 * the first request.
 * @user: the user's manager, else PID 1.
 * Errors: ENOTSUP in a build without the driver. */
int unit_open(bool user, struct unit_session *ret_session, struct error *err) _must_check_;

/* Asks for the scope, with a new placeholder in it; does not wait. */
int unit_begin(struct unit_session *session, const struct plan_unit *unit,
	       struct error *err) _must_check_;

/* Waits until the scope is there (30 seconds at most).
 * @proc: verified procfs. @ret_path: the absolute path of its cgroup, in the arena.
 * Errors: EEXIST for a unit that is there already, ETIMEDOUT, and what systemd says. */
int unit_await(struct unit_session *session, const struct plan_unit *unit, int proc,
	       struct arena *arena, const char **ret_path, struct error *err) _must_check_;

/* When the init is born: the placeholder and, unless something is left to say, the helper end. Does not wait
 * for that. */
void unit_release(struct unit_session *session, const struct plan_unit *unit);

/* When the init stands: waits for what was released, and sets the properties that had to be late. */
int unit_settle(struct unit_session *session, const struct plan_unit *unit,
		struct error *err) _must_check_;

/* Ends and reaps whatever of it is left. A scope that was asked for, but not awaited, is awaited first, so that
 * unit_remove() meets no unfinished job. */
void unit_close(struct unit_session *session);
#define _cleanup_unit_session_ __attribute__((cleanup(unit_close)))

/* Sets the unit's properties for the rest of its life (SetUnitProperties), returning when systemd has written
 * them to the cgroup: for an update, before the exact values go to the files.
 * @unit: name, user and properties (plan_unit_limits()). */
int unit_set(const struct plan_unit *unit, struct error *err) _must_check_;

/* Where a process of a user's is to be put by the user's service manager, which may what the user may not (the rule in
 * process/entry.c). */
struct unit_seat {
	struct unit_session *session; /* NULL: unit_move() makes a connection of its own */
	const char *unit; /* a delegated one; NULL: the cgroup is in no unit of a user's */
	const char *below; /* the cgroup below the unit's, "/a", or "" */
	const char *path; /* of the cgroup, absolute in the file system */
	int proc; /* verified procfs */
	struct arena *arena;
};

/* Finds the unit that the cgroup at @path is in, by its name. ret_seat->unit is NULL when there is none. */
int unit_find_seat(const char *path, struct arena *arena, struct unit_seat *ret_seat,
		   struct error *err) _must_check_;

/* Has the process @pid put into the seat (AttachProcessesToUnit, systemd 238; the manager asks the system's, where
 * it may not itself), and sees that it is there. @seat: struct unit_seat. */
int unit_move(void *seat, pid_t pid, struct error *err) _must_check_;

/* Kills everything in the unit and waits until systemd has removed it, which it does with every scope that is
 * empty; when it doesn't, it is asked to stop it and to forget its failure.
 * @path: of the cgroup; NULL: tare was killed before the init was born in it, and then nothing is to be done.
 * @ask: ask in any case, because by its properties a failed unit stays. */
int unit_remove(const char *name, bool user, const char *path, bool ask,
		struct error *err) _must_check_;
