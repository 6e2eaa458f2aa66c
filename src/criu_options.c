/* The options that checkpoint and restore share: what a checkpoint was made with, its restore mostly has to be told
 * again, since CRIU asks for both. Values are checked by the verbs, which
 * know what CRIU makes of them. */
#include "criu_options.h"

#include <string.h>

void criu_option_table(struct verb_criu_options *options, struct option ret_table[CRIU_OPTIONS])
{
	const struct option table[CRIU_OPTIONS] = {
		{ "image-path", 0, OPTION_FILLED, &options->image_path, "DIR",
		  "directory of the images (default: ./checkpoint)" },
		{ "work-path", 0, OPTION_FILLED, &options->work_path, "DIR",
		  "directory of CRIU's log and sockets (default: that of the images)" },
		{ "parent-path", 0, OPTION_FILLED, &options->parent_path, "DIR",
		  "images of a checkpoint before, relative to the image directory" },
		{ "tcp-established", 0, OPTION_FLAG, &options->tcp_established, NULL,
		  "also TCP connections" },
		{ "tcp-close", 0, OPTION_FLAG, &options->tcp_close, NULL,
		  "close TCP connections" },
		{ "ext-unix-sk", 0, OPTION_FLAG, &options->ext_unix_sk, NULL,
		  "also unix sockets connected to the outside" },
		{ "shell-job", 0, OPTION_FLAG, &options->shell_job, NULL,
		  "also a session or terminal of the outside" },
		{ "file-locks", 0, OPTION_FLAG, &options->file_locks, NULL, "also file locks" },
		{ "lazy-pages", 0, OPTION_FLAG, &options->lazy_pages, NULL,
		  "memory is fetched when it is needed" },
		{ "manage-cgroups-mode", 0, OPTION_FILLED, &options->manage_cgroups_mode,
		  "soft|full|strict|ignore", "what CRIU does with cgroups (default: soft)" },
		{ "empty-ns", 0, OPTION_TEXT, &options->empty_ns, "network",
		  "leave out what is in a namespace" },
		{ "auto-dedup", 0, OPTION_FLAG, &options->auto_dedup, NULL,
		  "remove pages that a later image has" },
		{ "network-lock", 0, OPTION_FILLED, &options->network_lock,
		  "iptables|nftables|skip", "how connections are held meanwhile" },
		{ "status-fd", 0, OPTION_TEXT, &options->status_fd, "FD",
		  "gets one NUL byte when CRIU is ready for the other side" },
	};

	memcpy(ret_table, table, sizeof table);
}
