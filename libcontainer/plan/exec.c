/* The plan of a process that is added to a container. It is config.json's process with the changes that the
 * command line asks for, or the one of --process; from there on it goes through the same planning as the
 * container's first process, so that environment, capabilities and limits mean the same for both. What a
 * caller leaves open never takes confinement away: absent capabilities are the container's, not all. */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "kernel/uapi.h"
#include "plan/build.h"

static const struct spec_linux no_linux;

/* The texts are the ones that callers know (contract 14), with this program's name in them. */
static int check(const struct plan_exec *exec, const struct spec_process *process,
		 struct error *err)
{
	size_t i;

	if (process->n_args == 0)
		return error_set(err, EINVAL, "exec args cannot be empty");
	if (!process->cwd || !path_is_absolute(process->cwd))
		return error_set(err, EINVAL, "Cwd must be an absolute path");
	for (i = 0; i < exec->n_env && !exec->given; i++)
		if (exec->env[i][0] == '=' || !strchr(exec->env[i], '='))
			return error_set(err, EINVAL,
					 "--env: invalid environment variable \"%s\": expected "
					 "NAME=VALUE",
					 exec->env[i]);
	if (process->terminal && exec->detached && !exec->console_socket)
		return error_set(err, EINVAL,
				 "cannot allocate tty if tare will detach without setting "
				 "console socket");
	if (exec->console_socket && !(process->terminal && exec->detached))
		return error_set(err, EINVAL,
				 "cannot use console socket if tare will not detach or "
				 "allocate tty");
	return 0;
}

/* @n_a strings and behind them @n_b others, with a NULL at the end. NULL without memory. */
static const char *const *join(struct arena *arena, const char *const *a, size_t n_a,
			       const char *const *b, size_t n_b)
{
	const char **joined = arena_array(arena, n_a + n_b + 1, sizeof *joined);

	if (!joined)
		return NULL;
	if (n_a)
		memcpy(joined, a, n_a * sizeof *joined);
	if (n_b)
		memcpy(joined + n_a, b, n_b * sizeof *joined);
	return joined;
}

static int add_groups(const struct plan_exec *exec, struct spec_user *user, struct arena *arena,
		      struct error *err)
{
	uint32_t *groups = arena_array(arena, user->n_additional_gids + exec->n_groups,
				       sizeof *groups);
	size_t i, n = 0;

	if (!groups)
		return error_oom(err);
	for (i = 0; i < user->n_additional_gids; i++)
		groups[n++] = user->additional_gids[i];
	for (i = 0; i < exec->n_groups; i++)
		groups[n++] = exec->groups[i];
	user->additional_gids = groups;
	user->n_additional_gids = n;
	return 0;
}

/* Not inheritable, and so not ambient either (CVE-2022-29162). */
static int add_capabilities(const struct plan_exec *exec, struct spec_process *process,
			    struct arena *arena, struct error *err)
{
	const struct spec_capabilities *old = process->capabilities;
	struct spec_capabilities *new = arena_alloc(arena, sizeof *new);
	const char *const *more = exec->capabilities;
	size_t n = exec->n_capabilities;

	if (!new)
		return error_oom(err);
	if (old)
		*new = *old;
	new->bounding = join(arena, new->bounding, new->n_bounding, more, n);
	new->effective = join(arena, new->effective, new->n_effective, more, n);
	new->permitted = join(arena, new->permitted, new->n_permitted, more, n);
	if (!new->bounding || !new->effective || !new->permitted)
		return error_oom(err);
	new->n_bounding += n;
	new->n_effective += n;
	new->n_permitted += n;
	process->capabilities = new;
	return 0;
}

static int override(const struct plan_exec *exec, struct spec_process *process,
		    struct arena *arena, struct error *err)
{
	const char *const *args;
	const char *const *env;

	args = join(arena, exec->args, exec->n_args, NULL, 0);
	env = join(arena, process->env, process->n_env, exec->env, exec->n_env);
	if (!args || !env)
		return error_oom(err);
	process->args = args;
	process->n_args = exec->n_args;
	process->env = env;
	process->n_env += exec->n_env;
	process->terminal = exec->terminal;
	if (exec->cwd)
		process->cwd = exec->cwd;
	if (exec->has_uid)
		process->user.uid = exec->uid;
	if (exec->has_gid)
		process->user.gid = exec->gid;
	if (exec->apparmor_profile)
		process->apparmor_profile = exec->apparmor_profile;
	if (exec->selinux_label)
		process->selinux_label = exec->selinux_label;
	if (exec->no_new_privs)
		process->no_new_privileges = true;
	if (add_groups(exec, &process->user, arena, err) < 0)
		return -err->code;
	return exec->n_capabilities ? add_capabilities(exec, process, arena, err) : 0;
}

/* What --process leaves open. */
static void complete(const struct spec_process *recorded, struct spec_process *process)
{
	if (!recorded)
		return;
	if (!process->capabilities)
		process->capabilities = recorded->capabilities;
	if (!process->apparmor_profile || !process->apparmor_profile[0])
		process->apparmor_profile = recorded->apparmor_profile;
	if (!process->selinux_label || !process->selinux_label[0])
		process->selinux_label = recorded->selinux_label;
	if (!process->oom_score_adj.set)
		process->oom_score_adj = recorded->oom_score_adj;
	if (!process->user.umask.set)
		process->user.umask = recorded->user.umask;
	if (!process->exec_cpu_affinity)
		process->exec_cpu_affinity = recorded->exec_cpu_affinity;
	if (!process->scheduler)
		process->scheduler = recorded->scheduler;
	if (!process->io_priority)
		process->io_priority = recorded->io_priority;
}

static int settle(const struct plan_exec *exec, struct spec_process *ret_process,
		  struct arena *arena, struct error *err)
{
	if (exec->given) {
		*ret_process = *exec->given;
		complete(exec->recorded->process, ret_process);
		return 0;
	}
	if (!exec->recorded->process)
		return error_set(err, EINVAL,
				 "the container has no process (config.json has none) to take "
				 "the user and the environment from: use --process");
	*ret_process = *exec->recorded->process;
	return override(exec, ret_process, arena, err);
}

int plan_exec_build(const struct plan_exec *exec, struct arena *arena,
		    const struct plan **ret_plan, struct error *err)
{
	struct plan_options *options = arena_alloc(arena, sizeof *options);
	struct spec_process *process = arena_alloc(arena, sizeof *process);
	struct spec *spec = arena_alloc(arena, sizeof *spec);
	struct plan_builder b = { .spec = spec, .options = options, .arena = arena };
	int r;

	b.plan = arena_alloc(arena, sizeof *b.plan);
	if (!options || !process || !spec || !b.plan)
		return error_oom(err);
	r = settle(exec, process, arena, err);
	if (r >= 0)
		r = check(exec, process, err);
	if (r < 0)
		return r;
	spec->process = process;
	spec->linux_ = exec->recorded->linux_;
	b.lin = spec->linux_ ? spec->linux_ : &no_linux;
	options->id = exec->id;
	options->no_new_keyring = exec->no_new_keyring;
	options->detached = exec->detached;
	options->console_socket = exec->console_socket;
	options->preserve_fds = exec->preserve_fds;
	b.plan->options = options;
	b.plan->spec = spec;
	b.plan->namespaces.in_userns = exec->namespaces &
				       spec_namespace_flag(SPEC_NAMESPACE_USER);
	b.plan->namespaces.deny_setgroups = exec->deny_setgroups;
	r = plan_process(&b, err);
	if (r < 0)
		return r;
	*ret_plan = b.plan;
	return 0;
}
