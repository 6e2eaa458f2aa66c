/* update: other limits for a living container. What is planned is computed from the record and from what is
 * asked for, what is written is undone when a part is refused (cgroup/update.c), and the record follows last, so
 * that the next update starts from what holds. The lock is held throughout, since two updates at once
 * would each be computed from limits that the other changes. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/resctrl.h"
#include "cgroup/unit.h"
#include "kernel/procfs.h"
#include "plan/plan.h"
#include "verbs/observe.h"

static int check_status(const struct verb_container *container, const char *id,
			struct error *err)
{
	if (container->status == STATE_STOPPED)
		return error_set(err, ESRCH, "container not running");
	if (container->status == STATE_CREATING)
		return error_set(err, EBUSY, "container %s is being created", id);
	return 0;
}

static int tell_systemd(void *data, struct error *err)
{
	return unit_set(data, err);
}

/* What the kernel has taken is told to systemd, so that it shows it and writes the same when it writes again; what
 * systemd refuses is undone. It writes at once, and of processor time whole percents, so the exact value comes
 * after it, without another look at what is used: the limits hold already. */
static int apply_to_cgroup(struct verb_context *context, const struct state_record *record,
			   const struct plan_cgroup *cgroup, struct error *err)
{
	struct plan_unit unit = { .name = record->unit, .user = record->unit_user };
	const struct cgroup_step then = { tell_systemd, &unit };
	struct plan_cgroup again = *cgroup;
	int r;

	if (!record->unit)
		return cgroup_update(cgroup, record->cgroup, NULL, err);
	r = plan_unit_limits(cgroup, context->arena, &unit, err);
	if (r >= 0)
		r = cgroup_update(cgroup, record->cgroup, &then, err);
	if (r < 0 || unit.n_properties == 0)
		return r;
	again.usage_below = again.usage_with_swap_below = 0;
	again.filter_devices = false;
	return cgroup_update(&again, record->cgroup, NULL, err);
}

/* The class of service and the cgroup: both, or neither. */
static int apply(struct verb_context *context, const struct state_record *record,
		 const struct verb_update_options *options, const struct plan_cgroup *cgroup,
		 struct error *err)
{
	bool rdt = options->l3_cache_schema || options->mem_bw_schema;
	char *before = NULL;
	int r = 0;

	if (rdt)
		r = resctrl_update(&record->rdt, options->l3_cache_schema,
				   options->mem_bw_schema, context->arena, &before, err);
	if (r < 0)
		return r;
	if (rdt && cgroup->n_writes == 0 && !cgroup->filter_devices)
		return 0;
	r = apply_to_cgroup(context, record, cgroup, err);
	if (r < 0 && rdt)
		resctrl_restore(&record->rdt, before);
	return r;
}

int verb_update(struct verb_context *context, const char *id,
		const struct verb_update_options *options, struct error *err)
{
	struct plan_update_request request = {
		.asked = options->resources,
		.privileged = geteuid() == 0 && procfs_in_initial_userns(context->proc) == 1,
	};
	_cleanup_state_dir_ struct state_dir dir = STATE_DIR_INIT;
	struct verb_container container;
	struct plan_update update;
	int r;

	r = observe_locked(context, id, &dir, &container, err);
	if (r >= 0)
		r = check_status(&container, id, err);
	if (r < 0)
		return r;
	request.recorded = container.record->resources;
	request.terminal = container.record->terminal;
	r = plan_update(&request, context->arena, &update, err);
	if (r >= 0)
		r = apply(context, container.record, options, &update.cgroup, err);
	if (r < 0)
		return r;
	container.record->resources = update.resources;
	r = state_write(&dir, container.record, context->arena, err);
	return r < 0 ? error_at(err, "the new limits hold, but") : 0;
}
