/* The options that create, run and plan share, so that the three can't drift apart: `tare plan` takes the
 * very words of a create whose plan it is to show. Where an option is given twice the last one counts, since
 * engines append what their user asked for behind what they always say. */
#include <string.h>

#include "command.h"

void create_option_table(struct verb_create_options *options,
			 struct option ret_table[CREATE_OPTIONS])
{
	const struct option table[CREATE_OPTIONS] = {
		{ "bundle", 'b', OPTION_FILLED, &options->bundle, "DIR",
		  "the bundle (default: the working directory)" },
		{ "config", 'f', OPTION_TEXT, &options->config, "FILE",
		  "the configuration (default: config.json in the bundle)" },
		{ "console-socket", 0, OPTION_FILLED, &options->console_socket, "PATH",
		  "socket that receives the master end of the terminal" },
		{ "pid-file", 0, OPTION_FILLED, &options->pid_file, "FILE",
		  "file to write the process id to" },
		{ "no-pivot", 0, OPTION_FLAG, &options->no_pivot, NULL,
		  "do not use pivot_root (for a root on a ramdisk)" },
		{ "no-new-keyring", 0, OPTION_FLAG, &options->no_new_keyring, NULL,
		  "keep the caller's session keyring" },
		{ "preserve-fds", 0, OPTION_NUMBER, &options->preserve_fds, "N",
		  "pass N further descriptors, from 3 on" },
		{ "pidfd-socket", 0, OPTION_FILLED, &options->pidfd_socket, "PATH",
		  "socket that receives a pidfd of the container's first process" },
		{ "layers", 0, OPTION_TEXT, &options->layers, "DIR[:DIR...]",
		  "the root is an overlay of these directories, top first" },
		{ "upper", 0, OPTION_TEXT, &options->upper, "DIR",
		  "its writable layer (default: one that vanishes with the container)" },
		{ "trace", 0, OPTION_TEXT, &options->trace, "FILE",
		  "write when each step began and ended (trace-event JSON; -: a chart)" },
	};

	memcpy(ret_table, table, sizeof table);
}
