/* What a plan is refused for before it is made: contradictions between config.json and the caller's options.
 * What config.json contradicts on its own was refused by spec_load() already. The texts are those that
 * callers know. */
#include <errno.h>

#include "plan/build.h"

#define SCHEDULER_DEADLINE 6 /* SCHED_DEADLINE */
#define SCHEDULER_RESET_ON_FORK 1 /* SCHED_FLAG_RESET_ON_FORK */

/* The texts are the ones that callers know (contract 14), with this program's name in them. */
static int check_terminal(const struct plan_builder *b, struct error *err)
{
	const struct plan_options *options = b->options;
	bool terminal = b->spec->process && b->spec->process->terminal;

	if (terminal && options->detached && !options->console_socket)
		return error_set(err, EINVAL,
				 "process.terminal: cannot allocate tty if tare will detach "
				 "without setting console socket");
	if (options->console_socket && !(terminal && options->detached))
		return error_set(err, EINVAL,
				 "cannot use console socket if tare will not detach or "
				 "allocate tty");
	return 0;
}

/* What shapes the container's own tree of mounts: without a new mount namespace it would shape the
 * caller's, or that of whoever owns the joined one. */
static int check_mount_namespace(const struct plan_builder *b, struct error *err)
{
	const struct spec_namespace *ns = spec_namespace_find(b->lin, SPEC_NAMESPACE_MOUNT);
	const struct spec *spec = b->spec;
	const char *what = NULL;

	if (ns && !ns->path)
		return 0;
	if (spec->n_mounts > 0)
		what = "mounts";
	else if (b->lin->n_masked_paths > 0)
		what = "linux.maskedPaths";
	else if (b->lin->n_readonly_paths > 0)
		what = "linux.readonlyPaths";
	else if (spec->root->readonly)
		what = "root.readonly";
	else if (b->lin->rootfs_propagation)
		what = "linux.rootfsPropagation";
	else if (b->lin->n_devices > 0)
		what = "linux.devices";
	else if (spec->process && spec->process->terminal)
		what = "process.terminal";
	if (!what)
		return 0;
	return error_set(err, EINVAL, "%s: needs a new mount namespace in linux.namespaces",
			 what);
}

/* Taking a device out of a network namespace takes CAP_NET_ADMIN over it. */
static int check_net_devices(const struct plan_builder *b, struct error *err)
{
	if (b->lin->n_net_devices == 0 || b->options->euid == 0)
		return 0;
	return error_set(err, EINVAL,
			 "linux.netDevices: network devices are not supported for rootless "
			 "containers");
}

/* A process of SCHED_DEADLINE can't fork, unless its children are reset (sched(7): EAGAIN), and the init
 * forks for its hooks. */
static int check_scheduler(const struct plan_builder *b, struct error *err)
{
	const struct spec_process *process = b->spec->process;
	const struct spec_hooks *hooks = b->spec->hooks;

	if (!process || !process->scheduler || !hooks || hooks->n_start_container == 0)
		return 0;
	if (process->scheduler->policy != SCHEDULER_DEADLINE ||
	    process->scheduler->flags & SCHEDULER_RESET_ON_FORK)
		return 0;
	return error_set(err, EINVAL,
			 "process.scheduler: SCHED_DEADLINE together with startContainer hooks "
			 "needs SCHED_FLAG_RESET_ON_FORK");
}

int plan_check(const struct plan_builder *b, struct error *err)
{
	int r;

	r = check_terminal(b, err);
	if (r >= 0)
		r = check_mount_namespace(b, err);
	if (r >= 0)
		r = check_scheduler(b, err);
	if (r >= 0)
		r = check_net_devices(b, err);
	return r;
}
