/* tare-criu: the way to CRIU, a program of its own, so that nothing of libcriu and of what it loads is in the
 * process that makes containers. tare has it embedded, executes it from memory for checkpoint and restore, and
 * speaks to it as process/criu_message.h says. It decides nothing: each option is one call of libcriu, looked up
 * when it is wanted, because older versions lack some. The declarations are those of libcriu's public header
 * <criu/criu.h>, which not every release of Debian has a package of. */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/packet.h"
#include "process/criu_message.h"

#define SOCKET STDIN_FILENO
#define LIBRARY "libcriu.so.2"
#define BAD_REQUEST "tare-criu: malformed request"

typedef int notify_function(char *action, void *argument);

/* What is always needed. */
struct functions {
	int (*local_init_opts)(void **options);
	int (*local_set_service_binary)(void *options, const char *path);
	void (*local_set_notify_cb)(void *options, notify_function *callback);
	int (*notify_pid)(void *argument);
	int (*local_dump)(void *options);
	int (*local_pre_dump)(void *options);
	int (*local_restore_child)(void *options);
	int (*local_get_version)(void *options);
	int (*get_orphan_pts_master_fd)(void);
};

/* libcriu's callback has no argument of the caller's. */
static struct helper {
	struct functions f;
	void *library, *options;
	bool refused; /* tare has said no to a notification */
	const char *hierarchy; /* for the yard */
} helper;

static int look_up(const char *name, void *ret_function, struct error *err)
{
	char symbol[128];

	snprintf(symbol, sizeof symbol, "criu_%s", name);
	*(void **)ret_function = dlsym(helper.library, symbol);
	if (!*(void **)ret_function)
		return error_set(err, ENOSYS, LIBRARY " is too old: it has no %s", symbol);
	return 0;
}

static int load(struct error *err)
{
	const struct {
		const char *name;
		void *function;
	} needed[] = {
		{ "local_init_opts", &helper.f.local_init_opts },
		{ "local_set_service_binary", &helper.f.local_set_service_binary },
		{ "local_set_notify_cb", &helper.f.local_set_notify_cb },
		{ "notify_pid", &helper.f.notify_pid },
		{ "local_dump", &helper.f.local_dump },
		{ "local_pre_dump", &helper.f.local_pre_dump },
		{ "local_restore_child", &helper.f.local_restore_child },
		{ "local_get_version", &helper.f.local_get_version },
		{ "get_orphan_pts_master_fd", &helper.f.get_orphan_pts_master_fd },
	};
	size_t i;
	int r;

	helper.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!helper.library)
		return error_set(
			err, ENOENT,
			"%s (checkpoint and restore need it: install libcriu2 and criu)",
			dlerror());
	for (i = 0; i < ELEMENTS_OF(needed); i++) {
		r = look_up(needed[i].name, needed[i].function, err);
		if (r < 0)
			return r;
	}
	if (helper.f.local_init_opts(&helper.options) != 0)
		return error_set(err, ENOMEM, LIBRARY ": criu_local_init_opts failed");
	helper.f.local_set_service_binary(helper.options, "criu");
	return 0;
}

/* ---- options ---- */

enum kind {
	FLAG, /* NAME; void (options, bool) */
	NUMBER, /* NAME=N; void (options, int) */
	TEXT, /* NAME=TEXT; int (options, const char *) */
	FD_KEY, /* NAME=N:KEY; int (options, int, const char *) */
	TWO_TEXTS, /* NAME=A:B; int (options, const char *, const char *) */
	ADDRESS, /* NAME=HOST:PORT; int (options, const char *, int) */
	JOIN, /* NAME=NAMESPACE:FILE; int (options, const char *, const char *, const char *) */
};

static const struct option {
	const char *name;
	enum kind kind;
	const char *function;
} options[] = {
	{ "pid", NUMBER, "set_pid" },
	{ "images", NUMBER, "set_images_dir_fd" },
	{ "work", NUMBER, "set_work_dir_fd" },
	{ "parent", TEXT, "set_parent_images" },
	{ "log-file", TEXT, "set_log_file" },
	{ "log-level", NUMBER, "set_log_level" },
	{ "root", TEXT, "set_root" },
	{ "leave-running", FLAG, "set_leave_running" },
	{ "track-mem", FLAG, "set_track_mem" },
	{ "tcp-established", FLAG, "set_tcp_established" },
	{ "tcp-skip-in-flight", FLAG, "set_tcp_skip_in_flight" },
	{ "tcp-close", FLAG, "set_tcp_close" },
	{ "ext-unix-sk", FLAG, "set_ext_unix_sk" },
	{ "shell-job", FLAG, "set_shell_job" },
	{ "file-locks", FLAG, "set_file_locks" },
	{ "link-remap", FLAG, "set_link_remap" },
	{ "auto-dedup", FLAG, "set_auto_dedup" },
	{ "orphan-pts-master", FLAG, "set_orphan_pts_master" },
	{ "manage-cgroups", FLAG, "set_manage_cgroups" },
	{ "manage-cgroups-mode", NUMBER, "set_manage_cgroups_mode" },
	{ "cgroup-root", TWO_TEXTS, "add_cg_root" },
	{ "cgroup-yard", TEXT, "add_cg_yard" },
	{ "freeze-cgroup", TEXT, "set_freeze_cgroup" },
	{ "external", TEXT, "add_external" },
	{ "inherit-fd", FD_KEY, "add_inherit_fd" },
	{ "join-ns", JOIN, "join_ns_add" },
	{ "page-server", ADDRESS, "set_page_server_address_port" },
	{ "empty-ns", NUMBER, "set_empty_ns" },
	{ "lsm-profile", TEXT, "set_lsm_profile" },
	{ "lsm-mount-context", TEXT, "set_lsm_mount_context" },
	{ "network-lock", NUMBER, "set_network_lock" },
	{ "config", TEXT, "set_config_file" },
};

static int bad_value(const char *word, struct error *err)
{
	return error_set(err, EBADMSG, BAD_REQUEST ": %s", word);
}

static bool is_number(const char *text, int *ret_number)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	*ret_number = (int)number;
	return *text != '\0' && *end == '\0' && errno == 0 && number == *ret_number;
}

/* Options of two parts; @value is split at a colon, the last one for an address. */
static int set_parts(const struct option *option, void *function, char *value,
		     struct error *err)
{
	char *colon = option->kind == ADDRESS ? strrchr(value, ':') : strchr(value, ':');
	int number = 0;

	if (!colon)
		return bad_value(option->name, err);
	*colon++ = '\0';
	if ((option->kind == FD_KEY && !is_number(value, &number)) ||
	    (option->kind == ADDRESS && !is_number(colon, &number)))
		return bad_value(option->name, err);
	switch (option->kind) {
	case FD_KEY:
		return ((int (*)(void *, int, const char *))function)(helper.options, number,
								      colon);
	case ADDRESS:
		return ((int (*)(void *, const char *, int))function)(helper.options, value,
								      number);
	case JOIN:
		return ((int (*)(void *, const char *, const char *, const char *))function)(
			helper.options, value, colon, NULL);
	default:
		return ((int (*)(void *, const char *, const char *))function)(helper.options,
									       value, colon);
	}
}

static int call(const struct option *option, void *function, char *value, struct error *err)
{
	int number;

	switch (option->kind) {
	case FLAG:
		((void (*)(void *, bool))function)(helper.options, true);
		return 0;
	case NUMBER:
		if (!is_number(value, &number))
			return bad_value(option->name, err);
		((void (*)(void *, int))function)(helper.options, number);
		return 0;
	case TEXT:
		return ((int (*)(void *, const char *))function)(helper.options, value);
	default:
		return set_parts(option, function, value, err);
	}
}

/* @word: "NAME" or "NAME=VALUE", which is changed. */
static int set_option(char *word, struct error *err)
{
	char *value = strchr(word, '='), symbol[64];
	const struct option *option = NULL;
	void *function;
	size_t i;
	int r;

	if (value)
		*value++ = '\0';
	for (i = 0; i < ELEMENTS_OF(options); i++)
		if (strcmp(options[i].name, word) == 0)
			option = &options[i];
	if (!option || (option->kind == FLAG) != (value == NULL))
		return bad_value(word, err);
	snprintf(symbol, sizeof symbol, "local_%s", option->function);
	r = look_up(symbol, &function, err);
	if (r < 0)
		return r;
	r = call(option, function, value, err);
	if (r != 0 && err->code == 0)
		error_set(err, EINVAL, LIBRARY ": criu_%s refuses %s", symbol,
			  value ? value : "");
	return r != 0 ? -err->code : 0;
}

/* ---- CRIU's view of the mounts ---- */

/* "private-mounts": what is mounted for CRIU, and by it, never shows on the host, and vanishes with the last of its
 * processes. */
static int leave_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, errno, "unshare the mount namespace for CRIU");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return error_errno(err, errno, "make the mounts slaves for CRIU");
	return 0;
}

/* "hierarchy=MOUNT-POINT", then "yard=DIRECTORY": a directory in which CRIU finds the cgroup2 hierarchy, else it mounts
 * one of its own, which changes the options of the host's. */
static int make_yard(const char *value, struct error *err)
{
	char path[4096];

	if (!helper.hierarchy)
		return bad_value("yard", err);
	if (mount("tmpfs", value, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0700,size=64k") < 0)
		return error_errno(err, errno, "mount a tmpfs on %s for CRIU", value);
	snprintf(path, sizeof path, "%s/unified", value);
	if (mkdir(path, 0700) < 0)
		return error_errno(err, errno, "mkdir %s", path);
	if (mount(helper.hierarchy, path, NULL, MS_BIND, NULL) < 0)
		return error_errno(err, errno, "bind %s for CRIU", helper.hierarchy);
	return 0;
}

static int take_option(char *word, struct error *err)
{
	if (strcmp(word, "private-mounts") == 0)
		return leave_mounts(err);
	if (strncmp(word, "hierarchy=", 10) == 0) {
		helper.hierarchy = word + 10;
		return 0;
	}
	if (strncmp(word, "yard=", 5) == 0)
		return make_yard(word + 5, err);
	return set_option(word, err);
}

/* ---- messages ---- */

static int pass_on(char *action, void *argument)
{
	_cleanup_packet_ struct packet packet = { 0 };
	struct packet_words words;
	char number[16], data[4096];
	const char *text;
	int fd = -1;
	ssize_t n;

	if (strcmp(action, "orphan-pts-master") == 0)
		fd = helper.f.get_orphan_pts_master_fd();
	snprintf(number, sizeof number, "%d", helper.f.notify_pid(argument));
	packet_add(&packet, 0, "notify");
	packet_add(&packet, 0, action);
	packet_add(&packet, 0, number);
	if (packet_send(SOCKET, &packet, fd) < 0)
		return -1;
	n = recv(SOCKET, data, sizeof data, 0);
	if (n > 0 && packet_open(&words, data, (size_t)n) && packet_answer(&words, &text) == 0)
		return 0;
	helper.refused = true;
	return -1;
}

/* What libcriu's header says of each return value. */
static int explain(int r, struct error *err)
{
	if (helper.refused)
		return error_set(err, ECANCELED, "CRIU was told to give up");
	switch (-r) {
	case EBADE:
		return error_errno(err, errno > 0 ? errno : EBADE, "CRIU has failed");
	case ECONNREFUSED:
		return error_set(err, ECONNREFUSED, "criu could not be started");
	case ECOMM:
		return error_set(err, ECOMM, "criu has ended without an answer");
	case EINVAL:
		return error_set(err, ENOTSUP,
				 "this version of criu does not support the request");
	default:
		return error_set(err, EBADMSG, "unexpected answer of criu (%d)", r);
	}
}

static int perform(const char *verb, struct packet_words *words, struct error *err)
{
	const char *word;
	int r;

	r = load(err);
	while (r >= 0 && (word = packet_next(words)))
		/* the packet is this program's own memory */
		r = take_option((char *)(uintptr_t)word, err);
	if (r < 0)
		return r;
	helper.f.local_set_notify_cb(helper.options, pass_on);
	errno = 0;
	if (strcmp(verb, "dump") == 0)
		r = helper.f.local_dump(helper.options);
	else if (strcmp(verb, "pre-dump") == 0)
		r = helper.f.local_pre_dump(helper.options);
	else if (strcmp(verb, "restore") == 0)
		r = helper.f.local_restore_child(helper.options);
	else if (strcmp(verb, "load") == 0)
		r = 0; /* done */
	else if (strcmp(verb, "version") == 0)
		r = helper.f.local_get_version(helper.options);
	else
		return error_set(err, EBADMSG, BAD_REQUEST);
	return r < 0 || helper.refused ? explain(r, err) : r;
}

static void nothing(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	static char data[PACKET_MAX + 1];
	_cleanup_packet_ struct packet packet = { 0 };
	struct error err = ERROR_INIT;
	struct packet_words words;
	const char *verb = NULL;
	char number[16];
	ssize_t n;
	int r;

	if (argc != 2 || strcmp(argv[1], CRIU_MESSAGE_VERSION) != 0) {
		fprintf(stderr, "tare-criu: a part of tare, not to be called by hand\n");
		return 1;
	}
	/* libcriu writes to a criu that may be gone; criu itself gets the default again, which SIG_IGN would take it */
	signal(SIGPIPE, nothing);
	n = recv(SOCKET, data, sizeof data, 0);
	if (n <= 0)
		return 0;
	if (packet_open(&words, data, (size_t)n))
		verb = packet_next(&words);
	r = verb ? perform(verb, &words, &err) : error_set(&err, EBADMSG, BAD_REQUEST);
	if (r < 0) {
		packet_add_answer(&packet, err.code, err.text);
	} else {
		snprintf(number, sizeof number, "%d", r);
		packet_add(&packet, 0, "done");
		packet_add(&packet, 0, number);
	}
	return packet_send(SOCKET, &packet, -1) < 0;
}
