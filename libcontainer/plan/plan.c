/* The plan's table of contents: plan_build() fills one part after another from the configuration. It is
 * a pure function of its arguments: the same configuration, kernel and options give the same plan on
 * every machine, so that a plan can be printed and compared without root. What depends on the state of
 * the host (does a file exist, is a controller enabled) is left to the mechanisms. */
#include "plan/plan.h"

#include <errno.h>

#include "plan/build.h"

/* What a config.json without "linux" asks for: nothing. */
static const struct spec_linux no_linux;

int plan_build(const struct spec *spec, const struct kernel_caps *caps,
	       const struct plan_options *options, struct arena *arena,
	       const struct plan **ret_plan, struct error *err)
{
	struct plan_builder b = {
		.spec = spec,
		.lin = spec->linux_ ? spec->linux_ : &no_linux,
		.caps = caps,
		.options = options,
		.arena = arena,
		.privileged = options->euid == 0 && options->initial_userns,
	};
	int r;

	b.plan = arena_alloc(arena, sizeof *b.plan);
	if (!b.plan)
		return error_oom(err);
	b.plan->options = options;
	b.plan->spec = spec;
	b.plan->caps = caps;
	b.plan->seccomp = b.lin->seccomp;
	b.plan->n_net_devices = b.lin->n_net_devices;
	b.plan->net_devices = b.lin->net_devices;
	b.plan->hooks = spec->hooks;

	r = plan_check(&b, err);
	if (r >= 0)
		r = plan_annotations(&b, err);
	if (r >= 0)
		r = plan_namespaces(&b, err);
	if (r >= 0)
		r = plan_notify(&b, err);
	if (r >= 0)
		r = plan_rootfs(&b, err);
	if (r >= 0)
		r = plan_process(&b, err);
	if (r >= 0)
		r = plan_cgroup(&b, err);
	if (r >= 0)
		r = plan_rdt(&b, err);
	if (r < 0)
		return r;
	*ret_plan = b.plan;
	return 0;
}
