/* Controllers are enabled from the top down, level by level, in cgroup.subtree_control, and only those
 * that are needed and missing: each costs something at every fork. What is enabled stays: another container
 * may rely on it by the time that this one goes. Kernel facts: a controller is bound either to a cgroup v1
 * hierarchy or to cgroup2, never to both; a cgroup other than the root cannot have both processes and
 * enabled controllers. */
#include "cgroup/controllers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "cgroup/file.h"

static void add(struct controllers *controllers, const struct plan_cgroup_write *write)
{
	size_t i;

	if (!write->controller)
		return;
	for (i = 0; i < controllers->count; i++)
		if (strcmp(controllers->list[i].name, write->controller) == 0)
			break;
	if (i == CONTROLLERS_MAX)
		return; /* more than any kernel has: the write itself will fail */
	if (i == controllers->count) {
		controllers->count++;
		controllers->list[i].name = write->controller;
		controllers->list[i].where = write->where;
		controllers->list[i].required = false;
	}
	if (!write->optional && !controllers->list[i].required) {
		controllers->list[i].where = write->where;
		controllers->list[i].required = true;
	}
}

void controllers_collect(const struct plan_cgroup *plan, struct controllers *ret_controllers)
{
	size_t i;

	ret_controllers->count = 0;
	for (i = 0; i < plan->n_writes; i++)
		add(ret_controllers, &plan->writes[i]);
	for (i = 0; i < plan->n_late_writes; i++)
		add(ret_controllers, &plan->late_writes[i]);
}

/* The name on cgroup v1, and so in /proc/cgroups and for cgroup_no_v1=. */
static const char *v1_name(const char *controller)
{
	return strcmp(controller, "io") == 0 ? "blkio" : controller;
}

/* What /proc/cgroups says of a controller. */
enum knowledge { NOT_IN_KERNEL, DISABLED_AT_BOOT, BOUND_TO_V1, ON_CGROUP2, UNKNOWN };

static enum knowledge ask_kernel(const char *controller)
{
	_cleanup_file_ FILE *file = fopen("/proc/cgroups", "re");
	const char *v1 = v1_name(controller);
	char line[256], *rest, *name, *hierarchy, *enabled;

	if (!file)
		return UNKNOWN; /* a kernel without cgroup v1 */
	while (fgets(line, sizeof line, file)) {
		name = strtok_r(line, "\t\n", &rest);
		hierarchy = strtok_r(NULL, "\t\n", &rest);
		strtok_r(NULL, "\t\n", &rest);
		enabled = strtok_r(NULL, "\t\n", &rest);
		if (!name || !enabled || strcmp(name, v1) != 0)
			continue;
		if (strcmp(enabled, "0") == 0)
			return DISABLED_AT_BOOT;
		return strcmp(hierarchy, "0") == 0 ? ON_CGROUP2 : BOUND_TO_V1;
	}
	return NOT_IN_KERNEL;
}

static int hint_delegation(struct error *err)
{
	return error_hint(err,
			  " (systemd delegates it to users by \"[Service]\" and \"Delegate=cpu "
			  "cpuset io memory pids\" in /etc/systemd/system/user@.service.d/"
			  "delegate.conf)");
}

static int missing(const char *controller, const char *path, struct error *err)
{
	switch (ask_kernel(controller)) {
	case BOUND_TO_V1:
		return error_set(err, ENOTSUP,
				 "the controller %s is bound to a cgroup v1 hierarchy, so it "
				 "cannot be used on cgroup2 (boot with cgroup_no_v1=%s)",
				 controller, v1_name(controller));
	case DISABLED_AT_BOOT:
		return error_set(err, ENOTSUP,
				 "the controller %s is disabled on the kernel's command line "
				 "(cgroup_disable)",
				 controller);
	case NOT_IN_KERNEL:
		return error_set(err, ENOTSUP, "this kernel has no controller %s", controller);
	case ON_CGROUP2:
	case UNKNOWN:
		break;
	}
	error_set(err, ENOTSUP,
		  "the controller %s is not available: it is not in %s/cgroup.controllers (the "
		  "cgroup above has not enabled it)",
		  controller, path);
	return geteuid() == 0 ? -err->code : hint_delegation(err);
}

static int enable(const char *controller, int dir, const char *path, struct error *err)
{
	char text[64];
	int r;

	snprintf(text, sizeof text, "+%s", controller);
	r = fd_write_file(dir, "cgroup.subtree_control", text, err);
	if (r >= 0)
		return 0;
	error_at(err, "enable the controller %s in %s", controller, path);
	if (r == -EBUSY)
		return error_hint(err,
				  " (the cgroup has processes of its own, and cgroup v2 "
				  "allows only one of the two: choose a cgroupsPath beside "
				  "them)");
	if (r == -EACCES && geteuid() != 0)
		return hint_delegation(err);
	if (r == -EOPNOTSUPP)
		return error_hint(err, " (a threaded cgroup has no such controller)");
	return r;
}

int controllers_enable(const struct controllers *controllers, int dir, const char *path,
		       struct error *err)
{
	char enabled[1024], available[1024];
	bool asked = false;
	ssize_t n;
	size_t i;
	int r;

	if (controllers->count == 0)
		return 0;
	n = cgroup_file_read(dir, "cgroup.subtree_control", enabled, sizeof enabled);
	if (n < 0)
		return error_errno(err, (int)-n, "read %s/cgroup.subtree_control", path);
	for (i = 0; i < controllers->count; i++) {
		const char *name = controllers->list[i].name;

		if (cgroup_has_word(enabled, name))
			continue;
		n = asked ? 0
			  : cgroup_file_read(dir, "cgroup.controllers", available,
					     sizeof available);
		if (n < 0)
			return error_errno(err, (int)-n, "read %s/cgroup.controllers", path);
		asked = true;
		if (cgroup_has_word(available, name))
			r = enable(name, dir, path, err);
		else
			r = missing(name, path, err);
		if (r < 0 && controllers->list[i].required)
			return error_at(err, "%s", controllers->list[i].where);
		if (r < 0)
			error_ignore(err, "no limit that must be kept needs it");
	}
	return 0;
}
