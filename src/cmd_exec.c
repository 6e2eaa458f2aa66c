/* tare exec: executes a program in a container. Words in, one call: the story is in verbs/exec.c. Options end at
 * the container's name, since what follows belongs to the program. Users and groups are numbers and nothing
 * else: a name would have to be looked up in the container's files (CVE-2016-3697), and what is no number must
 * never count as 0 (CVE-2026-30892). What fails once the words are understood is exit status 255, which callers
 * take for "not executed" (contract 6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

#define ID_MAX (UINT32_MAX - 1) /* the last number means "leave it" to setresuid(2) */
#define EXIT_SETUP 255

/* The words of the options that are not stored as they are. */
struct exec_words {
	const char *user;
	struct option_list groups, env, capabilities;
};

#define EXEC_OPTIONS 17

static void option_table(struct verb_exec_options *options, struct exec_words *words,
			 struct option ret_table[EXEC_OPTIONS])
{
	struct plan_exec *wanted = &options->wanted;
	const struct option table[EXEC_OPTIONS] = {
		{ "process", 'p', OPTION_FILLED, &options->process, "FILE",
		  "the process as JSON (config.json's process); then no command follows" },
		{ "cwd", 0, OPTION_FILLED, &wanted->cwd, "DIR",
		  "working directory in the container" },
		{ "env", 'e', OPTION_LIST, &words->env, "NAME=VALUE",
		  "set a variable of the environment (may be given again)" },
		{ "user", 'u', OPTION_FILLED, &words->user, "UID[:GID]",
		  "user and group, as numbers" },
		{ "additional-gids", 'g', OPTION_LIST, &words->groups, "GID",
		  "an additional group, as a number (may be given again)" },
		{ "cap", 'c', OPTION_LIST, &words->capabilities, "CAP_NAME",
		  "add a capability (may be given again)" },
		{ "no-new-privs", 0, OPTION_FLAG, &wanted->no_new_privs, NULL,
		  "no privileges by executing setuid programs" },
		{ "apparmor", 0, OPTION_FILLED, &wanted->apparmor_profile, "PROFILE",
		  "the AppArmor profile" },
		{ "process-label", 0, OPTION_FILLED, &wanted->selinux_label, "LABEL",
		  "the SELinux label" },
		{ "tty", 't', OPTION_FLAG, &wanted->terminal, NULL, "allocate a terminal" },
		{ "console-socket", 0, OPTION_FILLED, &wanted->console_socket, "PATH",
		  "socket that receives the master end of the terminal" },
		{ "pidfd-socket", 0, OPTION_FILLED, &options->pidfd_socket, "PATH",
		  "socket that receives a pidfd of the process" },
		{ "detach", 'd', OPTION_FLAG, &wanted->detached, NULL,
		  "do not wait for the program's end" },
		{ "pid-file", 0, OPTION_FILLED, &options->pid_file, "FILE",
		  "file to write the process id to" },
		{ "preserve-fds", 0, OPTION_NUMBER, &wanted->preserve_fds, "N",
		  "pass N further descriptors, from 3 on" },
		{ "cgroup", 0, OPTION_FILLED, &options->cgroup, "PATH",
		  "a cgroup below the container's" },
		{ "ignore-paused", 0, OPTION_FLAG, &options->ignore_paused, NULL,
		  "in a paused container: wait until it is resumed" },
	};

	memcpy(ret_table, table, sizeof table);
}

/* The whole of @text, up to @end, as an id. Returns it, or -EINVAL. */
static int64_t parse_id(const char *text, const char *end)
{
	uint64_t number = 0;
	const char *p;

	if (text == end)
		return -EINVAL;
	for (p = text; p < end; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(*p - '0');
		if (number > ID_MAX)
			return -EINVAL;
	}
	return (int64_t)number;
}

static int read_user(const char *text, struct plan_exec *wanted, struct error *err)
{
	const char *colon, *end;
	int64_t uid, gid = 0;

	if (!text)
		return 0;
	end = text + strlen(text);
	colon = strchr(text, ':');
	uid = parse_id(text, colon ? colon : end);
	if (colon)
		gid = parse_id(colon + 1, end);
	if (uid < 0 || gid < 0)
		return error_set(err, EINVAL,
				 "--user: \"%s\": bad %s: expected UID or UID:GID, both "
				 "numbers",
				 text, uid < 0 ? "uid" : "gid");
	wanted->has_uid = true;
	wanted->uid = (uint32_t)uid;
	wanted->has_gid = colon != NULL;
	wanted->gid = (uint32_t)gid;
	return 0;
}

static int read_groups(const struct option_list *list, struct arena *arena,
		       struct plan_exec *wanted, struct error *err)
{
	uint32_t *groups = arena_array(arena, list->count, sizeof *groups);
	const char *text;
	int64_t gid;
	size_t i;

	if (!groups)
		return error_oom(err);
	for (i = 0; i < list->count; i++) {
		text = list->values[i];
		gid = parse_id(text, text + strlen(text));
		if (gid < 0)
			return error_set(err, EINVAL,
					 "--additional-gids: \"%s\": expected a number", text);
		groups[i] = (uint32_t)gid;
	}
	wanted->groups = groups;
	wanted->n_groups = list->count;
	return 0;
}

/* "[CONTROLLER:]PATH". In cgroup v2 there is one hierarchy for all controllers. */
static int check_cgroup(const char *text, struct error *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;

	if (!colon)
		return 0;
	return error_set(
		err, EINVAL,
		"--cgroup: unknown controller %.*s (cgroup v2 has one hierarchy: say the "
		"path alone)",
		(int)(colon - text), text);
}

static int read_words(const struct exec_words *words, struct operands *operands,
		      struct arena *arena, struct verb_exec_options *options, struct error *err)
{
	struct plan_exec *wanted = &options->wanted;
	int r;

	options->id = operands->values[0];
	wanted->n_args = (size_t)operands->count - 1;
	wanted->args = (const char *const *)operands->values + 1;
	wanted->n_env = words->env.count;
	wanted->env = words->env.values;
	wanted->n_capabilities = words->capabilities.count;
	wanted->capabilities = words->capabilities.values;
	r = check_cgroup(options->cgroup, err);
	if (r >= 0)
		r = read_user(words->user, wanted, err);
	return r < 0 ? r : read_groups(&words->groups, arena, wanted, err);
}

int cmd_exec(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_exec_options wanted = { 0 };
	struct exec_words words = { 0 };
	struct option options[EXEC_OPTIONS];
	const struct usage usage = {
		.name = "exec",
		.operands = "ID COMMAND [ARGUMENT...]",
		.summary = "execute a program in a running container",
		.options = options,
		.n_options = EXEC_OPTIONS,
		.least = 1,
		.most = -1,
		.stops = true,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct option_list *const lists[] = { &words.groups, &words.env, &words.capabilities };
	struct operands operands;
	int status = 0, r;
	size_t i;

	for (i = 0; i < ELEMENTS_OF(lists); i++) {
		lists[i]->values = arena_array(tare->arena, (size_t)argc + 1, sizeof(char *));
		if (!lists[i]->values)
			return error_oom(err);
	}
	option_table(&wanted, &words, options);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	tare->failure = EXIT_SETUP;
	r = read_words(&words, &operands, tare->arena, &wanted, err);
	if (r >= 0)
		r = verb_context_open(&tare->settings, false, tare->arena, &context, err);
	if (r >= 0)
		r = verb_exec(&context, &wanted, &status, err);
	return r < 0 ? error_at(err, "tare exec failed") : status;
}
