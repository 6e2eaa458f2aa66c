/* A build without libsystemd: compiled in the place of unit.c. The cgroup manager "systemd" is then refused
 * where a container would be made, and `features` says so; a container of another build, with a unit, can't be
 * deleted by this one. */
#include <errno.h>

#include "cgroup/unit.h"

#define ABSENT "this tare was built without the systemd cgroup driver (-Dsystemd)"

bool unit_supported(void)
{
	return false;
}

int unit_open(bool user, struct unit_session *ret_session, struct error *err)
{
	(void)user;
	*ret_session = UNIT_SESSION_INIT;
	return error_set(err, ENOTSUP, ABSENT);
}

int unit_begin(struct unit_session *session, const struct plan_unit *unit, struct error *err)
{
	(void)session;
	(void)unit;
	return error_set(err, ENOTSUP, ABSENT);
}

int unit_await(struct unit_session *session, const struct plan_unit *unit, int proc,
	       struct arena *arena, const char **ret_path, struct error *err)
{
	(void)session;
	(void)unit;
	(void)proc;
	(void)arena;
	(void)ret_path;
	return error_set(err, ENOTSUP, ABSENT);
}

void unit_release(struct unit_session *session, const struct plan_unit *unit)
{
	(void)session;
	(void)unit;
}

int unit_settle(struct unit_session *session, const struct plan_unit *unit, struct error *err)
{
	(void)session;
	(void)unit;
	return error_set(err, ENOTSUP, ABSENT);
}

void unit_close(struct unit_session *session)
{
	(void)session;
}

int unit_set(const struct plan_unit *unit, struct error *err)
{
	(void)unit;
	return error_set(err, ENOTSUP, ABSENT);
}

int unit_move(void *seat, pid_t pid, struct error *err)
{
	(void)seat;
	(void)pid;
	return error_set(err, ENOTSUP, ABSENT);
}

int unit_remove(const char *name, bool user, const char *path, bool ask, struct error *err)
{
	(void)name;
	(void)user;
	(void)path;
	(void)ask;
	return error_set(err, ENOTSUP, ABSENT);
}
