/* The command: reads the global options, finds the verb and runs it. Everything that a verb does is in the
 * library; this side turns words into calls and results into text. Nothing runs before the verb but what is
 * here: no locale, no configuration file, and only the verbs that fork the container's side copy the
 * executable first (CVE-2019-5736). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/trace.h"
#include "cgroup/unit.h"
#include "command.h"
#include "config.h"
#include "log.h"
#include "process/netdev.h"
#include "process/reexec.h"
#include "seccomp/seccomp.h"

#define EXIT_UNKNOWN_VERB 3

struct verb {
	const char *name, *summary;
	int (*run)(struct tare *tare, int argc, char **argv, struct error *err);
	bool sealed; /* runs from a sealed copy of the executable */
};

static const struct verb verbs[] = {
	{ "checkpoint", "save a running container, by CRIU", cmd_checkpoint, false },
	{ "create", "create a container that waits for start", cmd_create, true },
	{ "delete", "delete a container and all that was made for it", cmd_delete, false },
	{ "doctor", "show what this host and this user can run", cmd_doctor, false },
	{ "events", "show the figures of a container", cmd_events, false },
	{ "exec", "execute a program in a running container", cmd_exec, true },
	{ "features", "show what this build can do", cmd_features, false },
	{ "kill", "send a signal to a container", cmd_kill, false },
	{ "list", "list the containers below the state root", cmd_list, false },
	{ "mounts", "mount into a running container, or unmount there", cmd_mounts, true },
	{ "pause", "freeze the processes of a container", cmd_pause, false },
	{ "plan", "show what create would do, without doing it", cmd_plan, false },
	{ "ps", "show the processes of a container", cmd_ps, false },
	{ "restore", "make a container from a checkpoint, by CRIU", cmd_restore, true },
	{ "resume", "let a paused container go on", cmd_resume, false },
	{ "run", "create and start a container", cmd_run, true },
	{ "spec", "write a config.json to start from", cmd_spec, false },
	{ "start", "start the program of a created container", cmd_start, false },
	{ "state", "show the state of a container", cmd_state, false },
	{ "update", "change the limits of a container", cmd_update, false },
	{ "wait", "wait for the end of a container and print its exit status", cmd_wait,
	  false },
};

/* The words of the global options. */
struct globals {
	bool debug, systemd_cgroup, version;
	const char *log, *log_format, *log_level, *root, *cgroup_manager, *rootless,
		*kernel_caps, *seccomp_compiler;
};

#define GLOBAL_OPTIONS 12

static void global_table(struct globals *globals, struct option ret_table[GLOBAL_OPTIONS])
{
	const struct option table[GLOBAL_OPTIONS] = {
		{ "debug", 0, OPTION_FLAG, &globals->debug, NULL, "log at debug level" },
		{ "log", 0, OPTION_TEXT, &globals->log, "PATH",
		  "append the log to this file, journald:ID or syslog:ID" },
		{ "log-format", 0, OPTION_TEXT, &globals->log_format, "text|json",
		  "format of the log (default: text)" },
		{ "log-level", 0, OPTION_TEXT, &globals->log_level, "error|warning|info|debug",
		  "the least severe lines (default: warning)" },
		{ "root", 0, OPTION_TEXT, &globals->root, "DIR",
		  "where the state of containers is (default: /run/tare)" },
		{ "systemd-cgroup", 0, OPTION_FLAG, &globals->systemd_cgroup, NULL,
		  "the same as --cgroup-manager=systemd" },
		{ "cgroup-manager", 0, OPTION_TEXT, &globals->cgroup_manager,
		  "cgroupfs|systemd|disabled", "who makes cgroups (default: cgroupfs)" },
		{ "rootless", 0, OPTION_TEXT, &globals->rootless, "true|false|auto",
		  "whether root may be refused a cgroup as a user may (default: auto)" },
		{ "kernel-caps", 0, OPTION_TEXT, &globals->kernel_caps, "-NAME,...", NULL },
		{ "seccomp-compiler", 0, OPTION_TEXT, &globals->seccomp_compiler,
		  "tare|libseccomp", NULL },
		{ "version", 'v', OPTION_FLAG, &globals->version, NULL, "show the version" },
		{ "version", 'V', OPTION_FLAG, &globals->version, NULL, NULL },
	};

	memcpy(ret_table, table, sizeof table);
}

/* What follows the global options in the help. */
static void print_verbs(void)
{
	size_t i;

	printf("\nCOMMANDS:\n");
	for (i = 0; i < ELEMENTS_OF(verbs); i++)
		printf("   %-12s  %s\n", verbs[i].name, verbs[i].summary);
	printf("\n`tare COMMAND --help` shows the options of a command.\n");
}

/* Engines take the first line apart, the one that starts with "commit:", and the words of the last, which are crun's.
 * They say what is built in; +CRIU that tare-criu is, which is so in every build: whether the host has CRIU as well
 * takes loading libcriu, which `features` does. */
static void print_version(void)
{
	char seccomp[32];

	seccomp_library_version(seccomp, sizeof seccomp);
	printf("tare version %s\ncommit: %s\nspec: 1.3.0\n", TARE_VERSION, TARE_COMMIT);
	if (*seccomp)
		printf("libseccomp: %s\n", seccomp);
	printf("%s+SELINUX +APPARMOR +CAP%s +EBPF +CRIU%s +YAJL\n",
	       unit_supported() ? "+SYSTEMD " : "", *seccomp ? " +SECCOMP" : "",
	       netdev_supported() ? " +LIBMNL" : "");
}

static int settle_cgroups(const struct globals *globals, struct verb_settings *settings,
			  struct error *err)
{
	const char *name = globals->cgroup_manager;

	settings->cgroup_manager = globals->systemd_cgroup ? PLAN_CGROUP_SYSTEMD
							   : PLAN_CGROUP_CGROUPFS;
	if (name && strcmp(name, "cgroupfs") == 0)
		settings->cgroup_manager = PLAN_CGROUP_CGROUPFS;
	else if (name && strcmp(name, "systemd") == 0)
		settings->cgroup_manager = PLAN_CGROUP_SYSTEMD;
	else if (name && strcmp(name, "disabled") == 0)
		settings->cgroup_manager = PLAN_CGROUP_DISABLED;
	else if (name)
		return error_set(err, EINVAL, "invalid cgroup-manager: %s", name);

	name = globals->rootless;
	settings->rootless = name && strcmp(name, "true") == 0;
	if (name && !settings->rootless && strcmp(name, "auto") != 0 &&
	    strcmp(name, "false") != 0)
		return error_set(err, EINVAL, "invalid rootless: %s", name);
	return 0;
}

static int settle_seccomp(const struct globals *globals, struct verb_settings *settings,
			  struct error *err)
{
	const char *name = globals->seccomp_compiler;

	if (name && strcmp(name, "libseccomp") == 0)
		settings->seccomp_compiler = SECCOMP_BY_LIBSECCOMP;
	else if (name && strcmp(name, "tare") != 0)
		return error_set(err, EINVAL, "invalid seccomp-compiler: %s", name);
	return 0;
}

static int settle(const struct globals *globals, struct log *log,
		  struct verb_settings *settings, struct error *err)
{
	enum trace_level level = TRACE_WARNING;
	int r;

	if (globals->log_format && strcmp(globals->log_format, "json") == 0)
		log->json = true;
	else if (globals->log_format && strcmp(globals->log_format, "text") != 0)
		return error_set(err, EINVAL, "invalid log-format: %s", globals->log_format);
	r = log_open(log, globals->log, err);
	if (r < 0)
		return r;
	if (globals->log_level) {
		r = log_level_parse(globals->log_level, &level, err);
		if (r < 0)
			return r;
	}
	if (globals->debug)
		level = TRACE_DEBUG;
	trace_install(log_sink, log, level);
	settings->root = globals->root;
	settings->kernel_caps = globals->kernel_caps;
	settings->debug = level == TRACE_DEBUG;
	r = settle_seccomp(globals, settings, err);
	if (r < 0)
		return r;
	return settle_cgroups(globals, settings, err);
}

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "h") == 0;
}

static int unknown_verb(const char *name, struct log *log, struct error *err)
{
	error_set(err, EINVAL, "No help topic for '%s'", name);
	log_fatal(log, err);
	return EXIT_UNKNOWN_VERB;
}

/* `tare help VERB` */
static int show_help_of(struct tare *tare, const char *name, struct log *log, struct error *err)
{
	const struct verb *verb = find_verb(name);
	char option[] = "--help", *words[] = { option, NULL };

	return verb ? verb->run(tare, 1, words, err) : unknown_verb(name, log, err);
}

/* Returns the exit status, or -errno. */
static int run(struct tare *tare, int argc, char **argv, struct log *log, struct error *err)
{
	struct globals globals = { 0 };
	struct option options[GLOBAL_OPTIONS];
	struct operands operands = { 0 };
	const struct usage usage = {
		.summary = "runs containers as the Open Container Initiative specifies",
		.options = options,
		.n_options = GLOBAL_OPTIONS,
		.most = -1,
		.stops = true,
	};
	const struct verb *verb;
	int r;

	global_table(&globals, options);
	r = command_parse(&usage, argc - 1, argv + 1, &operands, err);
	if (r < 0)
		return r;
	if (r > 0 && globals.version) {
		print_version();
		return command_flush(err);
	}
	if (r > 0 && operands.count > 1 && asks_for_help(operands.values[0]))
		return show_help_of(tare, operands.values[1], log, err);
	if (r == 0 || operands.count == 0 || asks_for_help(operands.values[0])) {
		if (r > 0)
			command_help(&usage);
		print_verbs();
		return command_flush(err);
	}
	r = settle(&globals, log, &tare->settings, err);
	if (r < 0)
		return r;
	verb = find_verb(operands.values[0]);
	if (!verb)
		return unknown_verb(operands.values[0], log, err);
	if (verb->sealed) {
		r = reexec_sealed(argv, err);
		if (r < 0)
			return r;
	}
	return verb->run(tare, operands.count - 1, operands.values + 1, err);
}

int main(int argc, char **argv)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct log log = LOG_INIT;
	struct tare tare = { .arena = arena, .failure = 1 };
	int r;

	/* a caller may have ignored it, which execve(2) hands down: the kernel would then reap the
	 * init and the hooks itself, and their exit status would be lost */
	signal(SIGCHLD, SIG_DFL);
	r = arena ? fd_ensure_stdio(&err) : error_oom(&err);
	if (r >= 0)
		r = run(&tare, argc, argv, &log, &err);
	if (r >= 0)
		return r;
	fflush(stdout);
	log_fatal(&log, &err);
	return tare.failure;
}
