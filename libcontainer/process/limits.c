/* Resource limits, in two steps, because the kernel asks for two different things. Raising a hard limit takes
 * CAP_SYS_RESOURCE in the initial user namespace, which only the caller may have: it raises its own before
 * the clone, and the child inherits it. Setting what remains is a lowering, which needs no privilege, but of
 * the process itself: prlimit(2) on a child that has changed its user takes CAP_SYS_RESOURCE again. */
#include "process/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "base/trace.h"

void limits_raise(const struct plan_process *plan)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < plan->n_rlimits; i++) {
		const struct spec_rlimit *wanted = &plan->rlimits[i];

		if (getrlimit(wanted->resource, &limit) < 0 || wanted->hard <= limit.rlim_max)
			continue;
		limit.rlim_max = wanted->hard;
		if (setrlimit(wanted->resource, &limit) < 0)
			trace_debug("%s: the hard limit can't be raised: %s", wanted->type,
				    error_errno_text(errno));
	}
}

static int refused(const struct plan_process *plan, size_t i, int code, struct error *err)
{
	const struct spec_rlimit *wanted = &plan->rlimits[i];

	error_errno(err, code,
		    "process.rlimits[%zu]: set %s to soft %" PRIu64 ", hard %" PRIu64, i,
		    wanted->type, wanted->soft, wanted->hard);
	if (code == EPERM)
		error_hint(err, " (raising a hard limit takes CAP_SYS_RESOURCE)");
	return -err->code;
}

int limits_check(const struct plan_process *plan, struct error *err)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < plan->n_rlimits; i++) {
		if (getrlimit(plan->rlimits[i].resource, &limit) < 0)
			return refused(plan, i, errno, err);
		if (plan->rlimits[i].hard > limit.rlim_max)
			return refused(plan, i, EPERM, err);
	}
	return 0;
}

int limits_set(const struct plan_process *plan, struct error *err)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < plan->n_rlimits; i++) {
		limit = (struct rlimit){
			.rlim_cur = plan->rlimits[i].soft,
			.rlim_max = plan->rlimits[i].hard,
		};
		if (setrlimit(plan->rlimits[i].resource, &limit) < 0)
			return refused(plan, i, errno, err);
	}
	return 0;
}
