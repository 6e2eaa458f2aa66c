/* The process of a plan and its seccomp profile as JSON. Capabilities are printed by libcap's names in
 * the order of their numbers, seccomp words in config.json's own vocabulary, so that what is printed can
 * be compared with what was asked for. */
#include <stdio.h>
#include <sys/capability.h>

#include "base/cleanup.h"
#include "plan/print.h"

static const char *const set_names[PLAN_CAP_SETS] = {
	[PLAN_CAP_BOUNDING] = "bounding",	[PLAN_CAP_EFFECTIVE] = "effective",
	[PLAN_CAP_INHERITABLE] = "inheritable", [PLAN_CAP_PERMITTED] = "permitted",
	[PLAN_CAP_AMBIENT] = "ambient",
};

static void print_capability_set(uint64_t set, struct json_writer *writer)
{
	cap_value_t value;
	char *name;

	json_array_begin(writer);
	for (value = 0; value < 64; value++) {
		if (!(set & (UINT64_C(1) << value)))
			continue;
		name = cap_to_name(value);
		json_string(writer, name);
		cap_free(name);
	}
	json_array_end(writer);
}

static void print_capabilities(const struct plan_capabilities *c, struct json_writer *writer)
{
	int set;

	json_key(writer, "capabilities");
	json_object_begin(writer);
	plan_print_true(writer, "given", c->given);
	for (set = 0; set < PLAN_CAP_SETS; set++) {
		json_key(writer, set_names[set]);
		print_capability_set(c->set[set], writer);
	}
	if (c->n_unknown > 0)
		plan_print_strings(writer, "unknown", c->n_unknown, c->unknown);
	json_object_end(writer);
}

static void print_rlimit(struct json_writer *writer, const char *key, uint64_t value)
{
	if (value == UINT64_MAX)
		json_key_string(writer, key, "unlimited");
	else
		json_key_uint(writer, key, value);
}

static const char *word(enum spec_vocabulary vocabulary, uint64_t value)
{
	const struct spec_words *words = spec_words(vocabulary);

	return table_name(words->entries, words->count, value);
}

/* The words whose bits are set. */
static void print_words(struct json_writer *writer, const char *key,
			enum spec_vocabulary vocabulary, uint64_t bits)
{
	const struct spec_words *words = spec_words(vocabulary);
	size_t i;

	json_key(writer, key);
	json_array_begin(writer);
	for (i = 0; i < words->count; i++)
		if (bits & words->entries[i].value)
			json_string(writer, words->entries[i].name);
	json_array_end(writer);
}

static void print_scheduler(const struct spec_scheduler *s, struct json_writer *writer)
{
	if (!s)
		return;
	json_key(writer, "scheduler");
	json_object_begin(writer);
	json_key_string(writer, "policy",
			word(SPEC_WORDS_SCHEDULER_POLICY, (uint64_t)s->policy));
	json_key_int(writer, "nice", s->nice);
	json_key_int(writer, "priority", s->priority);
	print_words(writer, "flags", SPEC_WORDS_SCHEDULER_FLAG, s->flags);
	json_key_uint(writer, "runtime", s->runtime);
	json_key_uint(writer, "deadline", s->deadline);
	json_key_uint(writer, "period", s->period);
	json_object_end(writer);
}

static void print_turns(const struct plan_process *p, struct json_writer *writer)
{
	print_scheduler(p->scheduler, writer);
	if (p->io_priority) {
		json_key(writer, "ioPriority");
		json_object_begin(writer);
		json_key_string(writer, "class",
				word(SPEC_WORDS_IO_CLASS, (uint64_t)p->io_priority->class));
		json_key_int(writer, "priority", p->io_priority->priority);
		json_object_end(writer);
	}
	if (p->exec_cpu_affinity) {
		json_key(writer, "execCPUAffinity");
		json_object_begin(writer);
		plan_print_text(writer, "initial", p->exec_cpu_affinity->initial);
		plan_print_text(writer, "final", p->exec_cpu_affinity->final);
		json_object_end(writer);
	}
}

static void print_memory_policy(const struct spec_memory_policy *policy,
				struct json_writer *writer)
{
	if (!policy)
		return;
	json_key(writer, "memoryPolicy");
	json_object_begin(writer);
	json_key_string(writer, "mode", word(SPEC_WORDS_MEMORY_MODE, (uint64_t)policy->mode));
	plan_print_text(writer, "nodes", policy->nodes);
	print_words(writer, "flags", SPEC_WORDS_MEMORY_FLAG, policy->flags);
	json_object_end(writer);
}

static void print_program(const struct plan_process *p, struct json_writer *writer)
{
	char umask[16];
	size_t i;

	json_key_string(writer, "cwd", p->cwd);
	plan_print_strings(writer, "args", p->n_args, p->args);
	plan_print_strings(writer, "env", p->n_env, p->env);
	plan_print_true(writer, "homeMissing", p->home_missing);
	json_key_uint(writer, "uid", p->uid);
	json_key_uint(writer, "gid", p->gid);
	json_key(writer, "groups");
	json_array_begin(writer);
	for (i = 0; i < p->n_groups; i++)
		json_uint(writer, p->groups[i]);
	json_array_end(writer);
	snprintf(umask, sizeof umask, "%04o", p->umask);
	json_key_string(writer, "umask", umask);
	plan_print_true(writer, "noNewPrivileges", p->no_new_privs);
	plan_print_true(writer, "terminal", p->terminal);
	if (p->rows || p->columns) {
		json_key_uint(writer, "rows", p->rows);
		json_key_uint(writer, "columns", p->columns);
	}
	if (p->has_oom_score_adj)
		json_key_int(writer, "oomScoreAdj", p->oom_score_adj);
	json_key(writer, "rlimits");
	json_array_begin(writer);
	for (i = 0; i < p->n_rlimits; i++) {
		json_object_begin(writer);
		json_key_string(writer, "type", p->rlimits[i].type);
		print_rlimit(writer, "soft", p->rlimits[i].soft);
		print_rlimit(writer, "hard", p->rlimits[i].hard);
		json_object_end(writer);
	}
	json_array_end(writer);
	print_capabilities(&p->capabilities, writer);
	plan_print_text(writer, "apparmorProfile", p->apparmor_profile);
	plan_print_text(writer, "selinuxLabel", p->selinux_label);
	print_turns(p, writer);
}

void plan_print_process(const struct plan_process *p, struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	json_key_bool(writer, "given", p->given);
	if (p->given)
		print_program(p, writer);
	plan_print_text(writer, "notifySocket", p->notify_socket);
	json_key_uint(writer, "preserveFds", p->preserve_fds);
	plan_print_text(writer, "keyring", p->keyring);
	plan_print_text(writer, "hostname", p->hostname);
	plan_print_text(writer, "domainname", p->domainname);
	json_key(writer, "sysctls");
	json_object_begin(writer);
	for (i = 0; i < p->n_sysctls; i++)
		json_key_string(writer, p->sysctls[i].key, p->sysctls[i].value);
	json_object_end(writer);
	if (p->personality)
		json_key_string(writer, "personality",
				word(SPEC_WORDS_PERSONALITY, p->personality->domain));
	print_memory_policy(p->memory_policy, writer);
	json_object_end(writer);
}

static void print_rule(const struct spec_syscall *rule, struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	plan_print_strings(writer, "names", rule->n_names, rule->names);
	json_key_string(writer, "action", word(SPEC_WORDS_SECCOMP_ACTION, rule->action));
	if (rule->errno_ret.set)
		json_key_uint(writer, "errnoRet", rule->errno_ret.value);
	if (rule->n_args > 0) {
		json_key(writer, "args");
		json_array_begin(writer);
	}
	for (i = 0; i < rule->n_args; i++) {
		json_object_begin(writer);
		json_key_uint(writer, "index", rule->args[i].index);
		json_key_uint(writer, "value", rule->args[i].value);
		json_key_uint(writer, "valueTwo", rule->args[i].value_two);
		json_key_string(writer, "op",
				word(SPEC_WORDS_SECCOMP_OPERATOR, rule->args[i].op));
		json_object_end(writer);
	}
	if (rule->n_args > 0)
		json_array_end(writer);
	json_object_end(writer);
}

void plan_print_seccomp(const struct spec_seccomp *seccomp, struct json_writer *writer)
{
	size_t i;

	json_object_begin(writer);
	json_key_string(writer, "defaultAction",
			word(SPEC_WORDS_SECCOMP_ACTION, seccomp->default_action));
	if (seccomp->default_errno_ret.set)
		json_key_uint(writer, "defaultErrnoRet", seccomp->default_errno_ret.value);
	plan_print_strings(writer, "architectures", seccomp->n_architectures,
			   seccomp->architectures);
	if (seccomp->flags_given)
		print_words(writer, "flags", SPEC_WORDS_SECCOMP_FLAG, seccomp->flags);
	plan_print_text(writer, "listenerPath", seccomp->listener_path);
	plan_print_text(writer, "listenerMetadata", seccomp->listener_metadata);
	json_key(writer, "syscalls");
	json_array_begin(writer);
	for (i = 0; i < seccomp->n_syscalls; i++)
		print_rule(&seccomp->syscalls[i], writer);
	json_array_end(writer);
	json_object_end(writer);
}
