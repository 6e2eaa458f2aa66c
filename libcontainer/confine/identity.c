/* Users and groups. The bounding set shrinks first, while the process still has CAP_SETPCAP; then groups
 * before the user, because the change of user may take CAP_SETGID away. Kernel fact: leaving user 0
 * clears the permitted set unless PR_SET_KEEPCAPS is on, and the effective set in any case
 * (capabilities(7), "Effect of user ID changes"); execve() switches KEEPCAPS off again. */
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/trace.h"
#include "confine/capabilities.h"
#include "confine/confine.h"
#include "kernel/process.h"

/* EINVAL is the kernel's word for an id without a mapping in the user namespace. */
static int explain(int code, const char *what, uint32_t id, struct error *err)
{
	error_errno(err, code, "set the %s to %u", what, id);
	if (code == EINVAL)
		return error_hint(err,
				  " (it has no mapping in the container's user namespace)");
	return -code;
}

static int set_groups(const struct plan_process *plan, bool may_setgroups, struct error *err)
{
	int r;

	if (plan->keep_groups)
		return 0;
	if (!may_setgroups) {
		if (plan->n_groups > 0)
			trace_warning("additionalGids are left out: setgroups is denied in a "
				      "user namespace of an unprivileged user");
		return 0;
	}
	r = process_set_groups(plan->n_groups, plan->groups);
	if (r < 0) {
		error_errno(err, -r, "set the additional groups");
		if (r == -EINVAL)
			error_hint(err, " (one has no mapping in the container's user "
					"namespace)");
	}
	return r;
}

int confine_identity(const struct plan_process *plan, bool may_setgroups, struct error *err)
{
	int r;

	r = capabilities_warn(&plan->capabilities, err);
	if (r < 0)
		return r;
	r = capabilities_bound(&plan->capabilities, err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "prctl(PR_SET_KEEPCAPS)");
	r = set_groups(plan, may_setgroups, err);
	if (r < 0)
		return r;
	r = process_set_group(plan->gid);
	if (r < 0)
		return explain(-r, "group", plan->gid, err);
	r = process_set_user(plan->uid);
	if (r < 0)
		return explain(-r, "user", plan->uid, err);
	return capabilities_wake(err);
}
