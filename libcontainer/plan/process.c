/* The program and who it is: arguments, environment, identity, capabilities. Capability names become
 * bits through libcap's table; what libcap does not know is kept by name, to be warned about, because an
 * unknown capability is no reason for a container not to run (spec 112, 113). */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "plan/build.h"

/* FNV-1a. */
static size_t hash(const char *text, size_t length)
{
	size_t h = 2166136261u, i;

	for (i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}

static bool same_name(const char *a, const char *b, size_t length)
{
	return strncmp(a, b, length) == 0 && (b[length] == '=' || b[length] == '\0');
}

/* Of several entries with one name the last stays, where it stands (contract 7.11). Engines send
 * thousands of entries, so names are looked up in a hash table of @slots (a power of two). */
static void deduplicate(const char *const *env, size_t n, bool *ret_keep, const char **table,
			size_t slots)
{
	size_t i, slot, length;

	for (i = n; i-- > 0;) {
		length = strcspn(env[i], "=");
		slot = hash(env[i], length) & (slots - 1);
		while (table[slot] && !same_name(env[i], table[slot], length))
			slot = (slot + 1) & (slots - 1);
		ret_keep[i] = !table[slot];
		if (ret_keep[i])
			table[slot] = env[i];
	}
}

#define CALLER_VARIABLES 4

/* What the container's environment says of the sockets that it gets from the caller's service manager
 * (contract 3). Behind the configuration's variables, so that they win.
 * @env: has room for CALLER_VARIABLES more. Returns how many there are then, or -errno. */
static int add_caller_variables(const struct plan_builder *b, const char **env, size_t n,
				struct error *err)
{
	const struct plan_options *options = b->options;
	const char *notify = b->plan->process.notify_socket, *fds, *names;

	if (notify) {
		env[n] = arena_printf(b->arena, "NOTIFY_SOCKET=%s", notify);
		if (!env[n++])
			return error_oom(err);
	}
	if (options->listen_fds == 0)
		return (int)n;
	fds = arena_printf(b->arena, "LISTEN_FDS=%u", options->listen_fds);
	if (!fds)
		return error_oom(err);
	env[n++] = fds;
	env[n++] = "LISTEN_PID=1";
	if (options->listen_fdnames) {
		names = arena_printf(b->arena, "LISTEN_FDNAMES=%s", options->listen_fdnames);
		if (!names)
			return error_oom(err);
		env[n++] = names;
	}
	return (int)n;
}

static int environment(const struct plan_builder *b, struct plan_process *p, struct error *err)
{
	const struct spec_process *process = b->spec->process;
	size_t room = process->n_env + CALLER_VARIABLES + 1, slots = 16, n, i;
	const char **given, **env, **table;
	bool *keep;
	int r;

	while (slots < room * 2)
		slots *= 2;
	given = arena_array(b->arena, room, sizeof *given);
	env = arena_array(b->arena, room, sizeof *env);
	table = arena_array(b->arena, slots, sizeof *table);
	keep = arena_array(b->arena, room, sizeof *keep);
	if (!given || !env || !table || !keep)
		return error_oom(err);
	for (i = 0; i < process->n_env; i++)
		given[i] = process->env[i];
	r = add_caller_variables(b, given, process->n_env, err);
	if (r < 0)
		return r;
	n = (size_t)r;
	deduplicate(given, n, keep, table, slots);
	p->listens = b->options->listen_fds > 0;
	p->home_missing = true;
	for (i = 0; i < n; i++) {
		/* an empty HOME counts as none */
		if (!keep[i] || strcmp(given[i], "HOME=") == 0)
			continue;
		if (strncmp(given[i], "HOME=", 5) == 0)
			p->home_missing = false;
		env[p->n_env++] = given[i];
	}
	p->env = env;
	return 0;
}

struct unknown_names {
	struct arena *arena;
	size_t n;
	const char **names;
};

static int note_unknown(struct unknown_names *u, const char *name, struct error *err)
{
	const char **grown;
	size_t i;

	for (i = 0; i < u->n; i++)
		if (strcmp(u->names[i], name) == 0)
			return 0;
	grown = arena_grow(u->arena, u->names, u->n, sizeof *grown);
	if (!grown)
		return error_oom(err);
	u->names = grown;
	u->names[u->n++] = name;
	return 0;
}

/* libcap also takes plain numbers, and of a longer text the name that it begins with ("CAP_KILL,x"); config.json
 * has names only. */
static bool is_capability_name(const char *name)
{
	return strncasecmp(name, "CAP_", 4) == 0 &&
	       name[strspn(name,
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			   "_")] == '\0';
}

static int capability_set(struct unknown_names *u, const char *const *names, size_t n,
			  uint64_t *ret_set, struct error *err)
{
	cap_value_t value;
	size_t i;
	int r;

	*ret_set = 0;
	for (i = 0; i < n; i++) {
		if (is_capability_name(names[i]) && cap_from_name(names[i], &value) == 0 &&
		    value >= 0 && value < 64) {
			*ret_set |= UINT64_C(1) << value;
			continue;
		}
		r = note_unknown(u, names[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int capabilities(const struct plan_builder *b, struct plan_capabilities *c,
			struct error *err)
{
	const struct spec_capabilities *given = b->spec->process->capabilities;
	struct unknown_names u = { .arena = b->arena };
	int r;

	if (!given)
		return 0;
	c->given = true;
	r = capability_set(&u, given->bounding, given->n_bounding, &c->set[PLAN_CAP_BOUNDING],
			   err);
	if (r >= 0)
		r = capability_set(&u, given->effective, given->n_effective,
				   &c->set[PLAN_CAP_EFFECTIVE], err);
	if (r >= 0)
		r = capability_set(&u, given->inheritable, given->n_inheritable,
				   &c->set[PLAN_CAP_INHERITABLE], err);
	if (r >= 0)
		r = capability_set(&u, given->permitted, given->n_permitted,
				   &c->set[PLAN_CAP_PERMITTED], err);
	if (r >= 0)
		r = capability_set(&u, given->ambient, given->n_ambient,
				   &c->set[PLAN_CAP_AMBIENT], err);
	c->n_unknown = u.n;
	c->unknown = u.names;
	return r;
}

static int program(const struct plan_builder *b, struct plan_process *p, struct error *err)
{
	const struct spec_process *process = b->spec->process;
	int r;

	p->given = true;
	p->cwd = process->cwd;
	p->n_args = process->n_args;
	p->args = process->args;
	p->uid = process->user.uid;
	p->gid = process->user.gid;
	p->n_groups = process->user.n_additional_gids;
	p->groups = process->user.additional_gids;
	if (process->user.umask.set)
		p->umask = (uint32_t)process->user.umask.value;
	p->no_new_privs = process->no_new_privileges;
	p->terminal = process->terminal;
	/* without a terminal its size is ignored (spec 102) */
	if (process->terminal && process->console_size) {
		p->rows = process->console_size->height;
		p->columns = process->console_size->width;
	}
	p->has_oom_score_adj = process->oom_score_adj.set;
	p->oom_score_adj = (int32_t)process->oom_score_adj.value;
	p->n_rlimits = process->n_rlimits;
	p->rlimits = process->rlimits;
	p->apparmor_profile = process->apparmor_profile;
	p->selinux_label = process->selinux_label;
	p->scheduler = process->scheduler;
	p->io_priority = process->io_priority;
	p->exec_cpu_affinity = process->exec_cpu_affinity;
	r = environment(b, p, err);
	if (r < 0)
		return r;
	return capabilities(b, &p->capabilities, err);
}

int plan_process(const struct plan_builder *b, struct error *err)
{
	struct plan_process *p = &b->plan->process;

	/* callers depend on this default, whatever their own umask is (contract 7.11) */
	p->umask = 0022;
	p->preserve_fds = b->options->listen_fds + b->options->preserve_fds;
	p->hostname = b->spec->hostname;
	p->domainname = b->spec->domainname;
	p->n_sysctls = b->lin->n_sysctl;
	p->sysctls = b->lin->sysctl;
	p->personality = b->lin->personality;
	p->memory_policy = b->lin->memory_policy;
	if (!b->options->no_new_keyring) {
		p->keyring = arena_printf(b->arena, "_ses.%s", b->options->id);
		if (!p->keyring)
			return error_oom(err);
	}
	return b->spec->process ? program(b, p, err) : 0;
}
