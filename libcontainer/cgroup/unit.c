/* A container's scope. The helper is started while config.json is still read, the request leaves as soon as
 * the name is claimed, and everything that needs no cgroup is done while systemd works. Facts of systemd: a scope needs a
 * process when it starts, and ends by itself, with its cgroup, when it is empty (systemd.scope(5)); so the
 * placeholder, which dies with tare, leaves no scope behind whenever tare is killed, and deleting a container takes
 * no word with systemd: its cgroup is emptied, and its vanishing is waited for. At that moment the manager has
 * also forgotten the unit: it collects garbage before it reads its next message. */
#include "cgroup/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"
#include "cgroup/unit_helper.h"
#include "kernel/process.h"
#include "kernel/uapi.h"

/* How long an empty scope may take to vanish before systemd is asked to stop it. */
#define VANISH_MS 5000

bool unit_supported(void)
{
	return true;
}

int unit_open(bool user, struct unit_session *ret_session, struct error *err)
{
	*ret_session = UNIT_SESSION_INIT;
	return unit_helper_start(user, &ret_session->socket, &ret_session->helper, err);
}

static void __attribute__((noreturn)) stand(pid_t parent)
{
	sigset_t all;

	/* a signal to the caller's process group is not for it */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "tare:scope");
	if (process_close_from(0) < 0)
		_exit(1);
	for (;;)
		pause();
}

static int spawn_placeholder(struct unit_session *session, struct error *err)
{
	pid_t parent = getpid(), pid;

	pid = process_clone(TARE_CLONE_CLEAR_SIGHAND, -1, SIGCHLD, &session->placeholder);
	if (pid < 0)
		return error_errno(err, -pid, "clone the scope's placeholder");
	if (pid == 0)
		stand(parent);
	session->placeholder_pid = pid;
	return 0;
}

static void add_property(struct packet *message, const struct plan_unit_property *property)
{
	size_t i;

	packet_add(message, property->optional ? '?' : '+', property->name);
	packet_add(message, 0, property->value.signature);
	for (i = 0; i < property->value.n_words; i++)
		packet_add(message, 0, property->value.words[i]);
	packet_add(message, 0, "");
}

/* @late: those for after the birth of the init, else the others. Returns how many there were. */
static size_t add_properties(struct packet *message, const struct plan_unit *unit, bool late)
{
	size_t i, count = 0;

	for (i = 0; i < unit->n_properties; i++) {
		if (unit->properties[i].late != late)
			continue;
		count++;
		if (message)
			add_property(message, &unit->properties[i]);
	}
	return count;
}

static void add_placeholder(struct packet *message, pid_t pid)
{
	char word[16];

	snprintf(word, sizeof word, "u%d", (int)pid);
	packet_add(message, 0, "+PIDs");
	packet_add(message, 0, "au");
	packet_add(message, 0, "au");
	packet_add(message, 0, word);
	packet_add(message, 0, "]");
	packet_add(message, 0, "");
}

int unit_begin(struct unit_session *session, const struct plan_unit *unit, struct error *err)
{
	_cleanup_packet_ struct packet message = { 0 };
	int r;

	r = spawn_placeholder(session, err);
	if (r < 0)
		return r;
	packet_add(&message, 0, "start");
	packet_add(&message, 0, unit->name);
	add_properties(&message, unit, false);
	add_placeholder(&message, session->placeholder_pid);
	r = unit_helper_send(session->socket, &message, err);
	if (r < 0)
		return r;
	session->asked = true;
	return 0;
}

/* Where systemd has put the placeholder. */
static int find_scope(const struct unit_session *session, const struct plan_unit *unit,
		      int proc, struct arena *arena, const char **ret_path, struct error *err)
{
	struct cgroup_hierarchy hierarchy;
	const char *name;
	int r;

	r = cgroup_find_hierarchy_of(proc, session->placeholder_pid, arena, &hierarchy, err);
	if (r < 0)
		return r;
	name = strrchr(hierarchy.own, '/');
	/* systemd puts "_" in front of names that the kernel could take for files of its own */
	if (name && name[1] == '_' && unit->name[0] != '_')
		name++;
	if (!name || strcmp(name + 1, unit->name) != 0)
		return error_set(err, EIO, "the placeholder is in cgroup %s instead",
				 hierarchy.own);
	*ret_path = arena_printf(arena, "%s%s", hierarchy.mount_point, hierarchy.own);
	return *ret_path ? 0 : error_oom(err);
}

int unit_await(struct unit_session *session, const struct plan_unit *unit, int proc,
	       struct arena *arena, const char **ret_path, struct error *err)
{
	int r;

	session->asked = false;
	r = unit_helper_receive(session->socket, session->helper, err);
	if (r >= 0)
		r = find_scope(session, unit, proc, arena, ret_path, err);
	return r < 0 ? error_at(err, "unable to start unit \"%s\"", unit->name) : 0;
}

static void end(int pidfd)
{
	if (pidfd >= 0 && process_pidfd_signal(pidfd, SIGKILL) < 0)
		trace_debug("a process of the unit's making is gone already");
}

static void reap(int *pidfd)
{
	int status;

	if (*pidfd >= 0 && process_wait(*pidfd, &status) < 0)
		trace_debug("a process of the unit's making was reaped already");
	cleanup_fd(pidfd);
}

void unit_release(struct unit_session *session, const struct plan_unit *unit)
{
	end(session->placeholder);
	if (unit && add_properties(NULL, unit, true) == 0)
		end(session->helper);
}

/* A request that is answered before anything else is done. */
static int ask(struct unit_session *session, const struct packet *message, struct error *err)
{
	int r = unit_helper_send(session->socket, message, err);

	return r < 0 ? r : unit_helper_receive(session->socket, session->helper, err);
}

int unit_settle(struct unit_session *session, const struct plan_unit *unit, struct error *err)
{
	_cleanup_packet_ struct packet message = { 0 };
	int r = 0;

	reap(&session->placeholder);
	packet_add(&message, 0, "set");
	packet_add(&message, 0, unit->name);
	if (add_properties(&message, unit, true) > 0)
		r = ask(session, &message, err);
	unit_close(session);
	return r < 0 ? error_at(err, "unable to change unit \"%s\"", unit->name) : 0;
}

void unit_close(struct unit_session *session)
{
	struct error ignored = ERROR_INIT;

	if (session->asked &&
	    unit_helper_receive(session->socket, session->helper, &ignored) < 0)
		error_ignore(&ignored, "there is no scope then");
	session->asked = false;
	end(session->placeholder);
	end(session->helper);
	cleanup_fd(&session->socket);
	reap(&session->placeholder);
	reap(&session->helper);
}

int unit_set(const struct plan_unit *unit, struct error *err)
{
	_cleanup_unit_session_ struct unit_session session = UNIT_SESSION_INIT;
	_cleanup_packet_ struct packet message = { 0 };
	int r;

	packet_add(&message, 0, "set");
	packet_add(&message, 0, unit->name);
	if (add_properties(&message, unit, false) == 0)
		return 0;
	r = unit_open(unit->user, &session, err);
	if (r >= 0)
		r = ask(&session, &message, err);
	return r < 0 ? error_at(err, "unable to change unit \"%s\"", unit->name) : 0;
}

static int ask_to_move(const struct unit_seat *seat, pid_t pid, struct error *err)
{
	_cleanup_unit_session_ struct unit_session own = UNIT_SESSION_INIT;
	_cleanup_packet_ struct packet message = { 0 };
	struct unit_session *session = seat->session;
	char number[16];
	int r = 0;

	if (!session) {
		session = &own;
		r = unit_open(true, &own, err);
	}
	snprintf(number, sizeof number, "%d", (int)pid);
	packet_add(&message, 0, "move");
	packet_add(&message, 0, seat->unit);
	packet_add(&message, 0, seat->below);
	packet_add(&message, 0, number);
	return r < 0 ? r : ask(session, &message, err);
}

/* Where it is by now, which systemd's word alone would not prove. */
static int check_moved(const struct unit_seat *seat, pid_t pid, struct error *err)
{
	struct cgroup_hierarchy hierarchy;
	size_t length;
	int r;

	r = cgroup_find_hierarchy_of(seat->proc, pid, seat->arena, &hierarchy, err);
	if (r < 0)
		return r;
	length = strlen(hierarchy.mount_point);
	if (strncmp(seat->path, hierarchy.mount_point, length) != 0 ||
	    strcmp(seat->path + length, hierarchy.own) != 0)
		return error_set(err, EIO, "it is in cgroup %s instead", hierarchy.own);
	return 0;
}

/* EBUSY for a cgroup that takes no processes, since controllers are enabled below it: of the kernel's refusals the
 * manager reports nothing but that it could not do it itself. */
static int check_takes_processes(const struct unit_seat *seat, struct error *err)
{
	char list[1024],
		*file = arena_printf(seat->arena, "%s/cgroup.subtree_control", seat->path);

	if (!file)
		return error_oom(err);
	if (cgroup_file_read(AT_FDCWD, file, list, sizeof list) <= 0)
		return 0;
	return error_set(err, EBUSY,
			 "cgroup %s has controllers enabled for those below it (%s)",
			 seat->path, list);
}

int unit_move(void *data, pid_t pid, struct error *err)
{
	const struct unit_seat *seat = data;
	int r;

	r = check_takes_processes(seat, err);
	if (r < 0)
		return r;
	r = ask_to_move(seat, pid, err);
	if (r >= 0)
		r = check_moved(seat, pid, err);
	if (r < 0)
		error_hint(err,
			   " (the caller may not do it itself: whoever puts a process into a "
			   "cgroup has to be allowed to write the cgroup.procs of the nearest "
			   "cgroup above both. From within the delegated one it works: "
			   "`systemd-run --user --scope -p Delegate=yes tare ...`)");
	return r < 0 ? error_at(err, "by the user's service manager, into unit \"%s\"",
				seat->unit)
		     : 0;
}

/* @verb: "stop" or "stop-deserted" */
static int stop(const char *verb, const char *name, bool user, struct error *err)
{
	_cleanup_unit_session_ struct unit_session session = UNIT_SESSION_INIT;
	_cleanup_packet_ struct packet message = { 0 };
	int r;

	packet_add(&message, 0, verb);
	packet_add(&message, 0, name);
	r = unit_open(user, &session, err);
	if (r >= 0)
		r = ask(&session, &message, err);
	return r < 0 ? error_at(err, "unable to stop unit \"%s\"", name) : 0;
}

/* Waits until the directory is removed. Returns whether it is. The one above tells: the directory of a cgroup itself
 * has no IN_DELETE_SELF before Linux 7.0 (kernfs sends it since then). */
static bool vanishes(const char *path)
{
	_cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd poller = { .fd = watch, .events = POLLIN };
	int64_t left = VANISH_MS, end = now_ms() + VANISH_MS;
	char above[PATH_MAX], events[4096];
	const char *slash = strrchr(path, '/');

	if (watch < 0 || !slash || slash == path || slash - path >= (ssize_t)sizeof above)
		left = 0;
	else
		snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
	if (left > 0 && inotify_add_watch(watch, above, IN_DELETE | IN_ONLYDIR) < 0)
		left = 0;
	while (access(path, F_OK) == 0) {
		if (left <= 0)
			return false;
		if (poll(&poller, 1, (int)left) > 0)
			while (read(watch, events, sizeof events) > 0)
				; /* also of others: only that something went is of interest */
		left = end - now_ms();
	}
	return errno == ENOENT;
}

int unit_remove(const char *name, bool user, const char *path, bool ask_in_any_case,
		struct error *err)
{
	bool gone;
	int r;

	/* With the placeholder alone in it, which died with its tare, the scope has ended by itself, unless systemd has
	 * missed the end: one of that name with a process in it is another container's. */
	if (!path) {
		if (stop("stop-deserted", name, user, err) < 0)
			error_ignore(err, "the next one that is to have the name tries again");
		return 0;
	}
	r = cgroup_kill_all(path, err);
	if (r < 0)
		return r;
	gone = vanishes(path);
	if (gone && !ask_in_any_case)
		return 0;
	r = stop("stop", name, user, err);
	if (r < 0 && gone) {
		/* without its processes it cannot be anything but a failed one, if at all */
		trace_warning("%s", err->text);
		error_ignore(err, "the scope itself is gone");
		return 0;
	}
	/* a unit that systemd has lost sight of */
	return r < 0 ? r : cgroup_destroy(path, true, err);
}
