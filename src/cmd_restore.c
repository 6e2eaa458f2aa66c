/* tare restore: makes a container of a bundle whose processes come from a checkpoint. The exit status is the
 * program's, or 128 and the number of the signal that ended it; 0 with --detach. Callers ask it for an option without
 * its value, and look for "flag needs an argument". The story is in verbs/restore.c. */
#include "base/cleanup.h"
#include "criu_options.h"

int cmd_restore(struct tare *tare, int argc, char **argv, struct error *err)
{
	struct verb_criu_options wanted = { 0 };
	struct verb_create_options create = { 0 };
	struct option options[CRIU_OPTIONS + 8] = {
		{ "bundle", 'b', OPTION_FILLED, &create.bundle, "DIR",
		  "the bundle (default: the working directory)" },
		{ "console-socket", 0, OPTION_FILLED, &create.console_socket, "PATH",
		  "socket that receives the master end of the terminal" },
		{ "pid-file", 0, OPTION_FILLED, &create.pid_file, "FILE",
		  "file to write the process id to" },
		{ "detach", 'd', OPTION_FLAG, &create.detach, NULL,
		  "do not wait for the container's end" },
		{ "no-subreaper", 0, OPTION_FLAG, &create.no_subreaper, NULL,
		  "do not adopt the container's orphans" },
		{ "no-pivot", 0, OPTION_FLAG, &create.no_pivot, NULL,
		  "for compatibility; CRIU makes the root" },
		{ "lsm-profile", 0, OPTION_FILLED, &wanted.lsm_profile, "TYPE:NAME",
		  "label the processes so (apparmor:NAME, selinux:LABEL)" },
		{ "lsm-mount-context", 0, OPTION_FILLED, &wanted.lsm_mount_context, "CONTEXT",
		  "label mounts so" },
	};
	const struct usage usage = {
		.name = "restore",
		.operands = "ID",
		.summary = "make a container from a checkpoint, by CRIU",
		.options = options,
		.n_options = ELEMENTS_OF(options),
		.least = 1,
		.most = 1,
	};
	struct verb_context context = VERB_CONTEXT_INIT;
	struct operands operands;
	int status = 0, r;

	criu_option_table(&wanted, options + 8);
	r = command_parse(&usage, argc, argv, &operands, err);
	if (r <= 0)
		return r;
	wanted.id = create.id = operands.values[0];
	r = verb_context_open(&tare->settings, true, tare->arena, &context, err);
	if (r == 0)
		r = verb_restore(&context, &wanted, &create, &status, err);
	return r < 0 ? error_at(err, "tare restore failed") : status;
}
