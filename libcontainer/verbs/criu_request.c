/* From the words of checkpoint's and restore's options to a request for CRIU. What libcriu has no function for
 * (lazy pages) goes as a configuration file, whose options CRIU reads after those of the request (criu(8),
 * "Configuration files"); the user's own file, named by the annotation org.criu.config or at the usual place, follows
 * in the same file, so that it has the last word, as with the other runtimes. */
#include "verbs/criu_request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/table.h"
#include "cgroup/cgroup.h"
#include "kernel/procfs.h"
#include "plan/plan.h"

#define CONFIG_MAX ((size_t)1024 * 1024)
#define LOG_LEVEL 4 /* CRIU's debug level: what led to an error stands in front of it */

#define IGNORE "ignore"

/* enum criu_cg_mode of <criu/criu.h> */
static const struct table_entry cgroup_modes[] = {
	{ IGNORE, 0 }, { "soft", 3 }, { "full", 4 }, { "strict", 5 }
};

/* enum criu_network_lock_method */
static const struct table_entry network_locks[] = { { "iptables", 1 },
						    { "nftables", 2 },
						    { "skip", 3 } };

static const struct table_entry emptied[] = { { "network", CLONE_NEWNET } };

void criu_call_close(struct criu_call *call)
{
	cleanup_fd(&call->images);
	cleanup_fd(&call->work);
	cleanup_fd(&call->config);
	criu_request_free(&call->request);
}

static int check_word(const char *option, const char *word, const struct table_entry *entries,
		      size_t count, struct error *err)
{
	if (!word || table_find(entries, count, word))
		return 0;
	return error_set(err, EINVAL, "invalid value \"%s\" for --%s", word, option);
}

static int check_page_server(const char *address, struct error *err)
{
	const char *colon = address ? strrchr(address, ':') : NULL;
	unsigned long port;
	char *end;

	if (!address)
		return 0;
	errno = 0;
	port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon == address || colon[1] < '0' || colon[1] > '9' || *end != '\0' ||
	    errno != 0 || port == 0 || port > 65535)
		return error_set(err, EINVAL,
				 "invalid value \"%s\" for --page-server: use --page-server "
				 "ADDRESS:PORT",
				 address);
	return 0;
}

/* ADDRESS:PORT, checked, in its parts. CRIU takes an address of IPv6 as inet_pton(3) does, without the brackets
 * that set it apart from the port. Returns the port. */
static const char *split_page_server(const char *given, const char **ret_address,
				     int *ret_length)
{
	const char *colon = strrchr(given, ':');
	bool bracketed = given[0] == '[' && colon[-1] == ']';

	*ret_address = given + bracketed;
	*ret_length = (int)(colon - given) - 2 * bracketed;
	return colon + 1;
}

static int check_status_fd(struct criu_call *call, struct error *err)
{
	const char *text = call->options->status_fd;
	unsigned long number;
	char *end;
	int flags;

	if (!text)
		return 0;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number > INT_MAX)
		return error_set(err, EINVAL, "invalid value \"%s\" for --status-fd", text);
	flags = fcntl((int)number, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return error_errno(err, EBADF, "--status-fd %s", text);
	call->status_fd = (int)number;
	return 0;
}

/* "TYPE:NAME" */
static int check_lsm(const char *profile, struct error *err)
{
	if (!profile || strncmp(profile, "apparmor:", 9) == 0 ||
	    strncmp(profile, "selinux:", 8) == 0)
		return 0;
	return error_set(err, EINVAL,
			 "invalid value \"%s\" for --lsm-profile: use apparmor:NAME or "
			 "selinux:LABEL",
			 profile);
}

int criu_check_options(struct criu_call *call, struct error *err)
{
	const struct verb_criu_options *o = call->options;
	int r;

	r = check_word("manage-cgroups-mode", o->manage_cgroups_mode, cgroup_modes,
		       ELEMENTS_OF(cgroup_modes), err);
	if (r >= 0)
		r = check_word("network-lock", o->network_lock, network_locks,
			       ELEMENTS_OF(network_locks), err);
	if (r >= 0)
		r = check_word("empty-ns", o->empty_ns, emptied, ELEMENTS_OF(emptied), err);
	if (r >= 0)
		r = check_page_server(o->page_server, err);
	if (r >= 0)
		r = check_lsm(o->lsm_profile, err);
	if (r >= 0)
		r = check_status_fd(call, err);
	if (r >= 0 && o->parent_path && path_is_absolute(o->parent_path))
		r = error_set(err, EINVAL, "--parent-path must be relative");
	if (r >= 0 && o->pre_dump && o->lazy_pages)
		r = error_set(err, EINVAL, "--pre-dump and --lazy-pages exclude each other");
	return r;
}

/* Makes the directory and those above it that are missing. */
static int make_directories(char *path, struct error *err)
{
	char *slash;

	for (slash = path + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return error_errno(err, errno, "mkdir %s", path);
		*slash = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "mkdir %s", path);
	return 0;
}

static int open_directory(struct criu_call *call, const char *what, const char *given,
			  const char **ret_path, struct error *err)
{
	char resolved[PATH_MAX];
	int fd;

	fd = openat(AT_FDCWD, given, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "%s %s", what, given);
	*ret_path = arena_strdup(call->context->arena,
				 realpath(given, resolved) ? resolved : given);
	if (!*ret_path) {
		close(fd);
		return error_oom(err);
	}
	return fd;
}

int criu_open_directories(struct criu_call *call, bool make, struct error *err)
{
	const struct verb_criu_options *o = call->options;
	struct arena *arena = call->context->arena;
	const char *parent;
	struct stat st;
	char *path;
	int r;

	path = arena_strdup(arena,
			    o->image_path && *o->image_path ? o->image_path : "checkpoint");
	if (!path)
		return error_oom(err);
	r = make ? make_directories(path, err) : 0;
	if (r < 0)
		return r;
	call->images = open_directory(call, "image directory", path, &call->image_path, err);
	if (call->images < 0)
		return call->images;
	if (o->work_path && *o->work_path) {
		path = arena_strdup(arena, o->work_path);
		r = path ? make_directories(path, err) : error_oom(err);
		if (r < 0)
			return r;
	}
	call->work = open_directory(call, "work directory", path, &call->work_path, err);
	if (call->work < 0)
		return call->work;
	parent = o->parent_path;
	if (parent && (fstatat(call->images, parent, &st, 0) < 0 || !S_ISDIR(st.st_mode)))
		return error_set(err, ENOENT,
				 "invalid --parent-path: there is no directory %s/%s",
				 call->image_path, parent);
	return 0;
}

/* The user's configuration file: NULL in @ret_text: there is none. */
static int read_user_config(struct criu_call *call, const struct spec_pair *annotations,
			    size_t n, char **ret_text, struct error *err)
{
	static const char *const usual[] = { "/etc/criu/tare.conf", "/etc/criu/runc.conf",
					     "/etc/criu/crun.conf" };
	const char *named = spec_find_pair(annotations, n, "org.criu.config");
	struct error missing = ERROR_INIT;
	ssize_t length;
	size_t i;

	*ret_text = NULL;
	if (named && *named) {
		length = fd_read_file(AT_FDCWD, named, CONFIG_MAX, call->context->arena,
				      ret_text, err);
		return length < 0 ? error_at(err, "annotations[org.criu.config]") : 0;
	}
	for (i = 0; i < ELEMENTS_OF(usual); i++) {
		length = fd_read_file(AT_FDCWD, usual[i], CONFIG_MAX, call->context->arena,
				      ret_text, &missing);
		if (length >= 0)
			return 0;
		if (length != -ENOENT)
			return error_set(err, missing.code, "%s", missing.text);
		error_ignore(&missing, "a configuration file of CRIU's need not be there");
	}
	return 0;
}

/* Options that libcriu has no functions for. */
static int write_config(struct criu_call *call, const struct spec_pair *annotations, size_t n,
			struct error *err)
{
	const struct verb_criu_options *o = call->options;
	const char *text, *address, *port;
	_cleanup_fd_ int fd = -1;
	int length, r;
	char *user;

	r = read_user_config(call, annotations, n, &user, err);
	if (r < 0 || (!user && !o->lazy_pages))
		return r;
	text = o->lazy_pages ? "lazy-pages\n" : "";
	/* for whoever fetches the pages from here; a page server that they are sent to is something else */
	if (o->lazy_pages && o->page_server) {
		port = split_page_server(o->page_server, &address, &length);
		text = arena_printf(call->context->arena, "%saddress %.*s\nport %s\n", text,
				    length, address, port);
	}
	if (text)
		text = arena_printf(call->context->arena, "%s%s", text, user ? user : "");
	if (!text)
		return error_oom(err);
	fd = memfd_create("criu.conf", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "memfd_create for CRIU's configuration");
	r = fd_write_all(fd, text, strlen(text), "CRIU's configuration", err);
	if (r < 0)
		return r;
	call->config = steal_fd(&fd);
	return 0;
}

static void add_flags(struct criu_call *call)
{
	const struct verb_criu_options *o = call->options;
	const struct {
		const char *name;
		bool set;
	} flags[] = {
		{ "tcp-established", o->tcp_established },
		{ "tcp-skip-in-flight", o->tcp_skip_in_flight },
		{ "tcp-close", o->tcp_close },
		{ "ext-unix-sk", o->ext_unix_sk },
		{ "shell-job", o->shell_job },
		{ "file-locks", o->file_locks },
		{ "link-remap", o->link_remap },
		{ "auto-dedup", o->auto_dedup },
	};
	size_t i;

	for (i = 0; i < ELEMENTS_OF(flags); i++)
		if (flags[i].set)
			criu_add(&call->request, "%s", flags[i].name);
}

static void add_numbers(struct criu_call *call)
{
	const struct verb_criu_options *o = call->options;
	const struct table_entry *entry;

	entry = table_find(cgroup_modes, ELEMENTS_OF(cgroup_modes),
			   o->manage_cgroups_mode ? o->manage_cgroups_mode : "soft");
	if (entry)
		criu_add(&call->request, "manage-cgroups-mode=%d", (int)entry->value);
	entry = o->network_lock
			? table_find(network_locks, ELEMENTS_OF(network_locks), o->network_lock)
			: NULL;
	if (entry)
		criu_add(&call->request, "network-lock=%d", (int)entry->value);
	entry = o->empty_ns ? table_find(emptied, ELEMENTS_OF(emptied), o->empty_ns) : NULL;
	if (entry)
		criu_add(&call->request, "empty-ns=%d", (int)entry->value);
}

int criu_begin_call(struct criu_call *call, const char *verb, const char *log,
		    const struct spec_pair *annotations, size_t n, struct error *err)
{
	const struct verb_criu_options *o = call->options;
	struct criu_request *request = &call->request;
	const char *address, *port;
	int length, r;

	r = write_config(call, annotations, n, err);
	if (r < 0)
		return r;
	criu_begin(request, verb);
	criu_add(request, "images=%d", criu_add_fd(request, call->images));
	criu_add(request, "work=%d", criu_add_fd(request, call->work));
	criu_add(request, "log-file=%s", log);
	criu_add(request, "log-level=%d", LOG_LEVEL);
	criu_add(request, "manage-cgroups");
	add_flags(call);
	add_numbers(call);
	if (o->parent_path)
		criu_add(request, "parent=%s", o->parent_path);
	if (o->page_server && !o->lazy_pages) {
		port = split_page_server(o->page_server, &address, &length);
		criu_add(request, "page-server=%.*s:%s", length, address, port);
	}
	if (o->lsm_profile)
		criu_add(request, "lsm-profile=%s", o->lsm_profile);
	if (o->lsm_mount_context)
		criu_add(request, "lsm-mount-context=%s", o->lsm_mount_context);
	if (call->config >= 0)
		criu_add(request, "config=/proc/self/fd/%d",
			 criu_add_fd(request, call->config));
	return 0;
}

int criu_check_caller(struct verb_context *context, struct error *err)
{
	int r = procfs_in_initial_userns(context->proc);

	if (r < 0)
		return error_errno(err, -r, "examine the user namespace");
	if (r == 0 || geteuid() != 0)
		return error_set(err, EPERM,
				 "checkpoint and restore take root on the host, as CRIU does");
	return 0;
}

const char *criu_make_mount_point(struct verb_context *context, const struct state_dir *dir,
				  struct error *err)
{
	char link[32], path[PATH_MAX];
	const char *result;
	ssize_t n;

	/* absolute: CRIU has a working directory of its own */
	snprintf(link, sizeof link, "self/fd/%d", dir->fd);
	n = readlinkat(context->proc, link, path, sizeof path - 1);
	if (n < 0) {
		error_errno(err, errno, "find the path of the state directory");
		return NULL;
	}
	result = arena_printf(context->arena, "%.*s/" CRIU_DIRECTORY, (int)n, path);
	if (!result)
		error_oom(err);
	else if (mkdirat(dir->fd, CRIU_DIRECTORY, 0700) < 0 && errno != EEXIST)
		error_errno(err, errno, "mkdir %s", result);
	return err->code ? NULL : result;
}

int criu_add_mounts(struct criu_call *call, const char *mount_point, const char *cgroup,
		    const char **ret_below, struct error *err)
{
	const char *hierarchy;
	int r;

	*ret_below = NULL;
	criu_add(&call->request, "private-mounts");
	if (!cgroup)
		return 0;
	r = cgroup_split_path(call->context->proc, cgroup, call->context->arena, &hierarchy,
			      ret_below, err);
	if (r < 0)
		return r;
	criu_add(&call->request, "hierarchy=%s", hierarchy);
	criu_add(&call->request, "yard=%s", mount_point);
	criu_add(&call->request, "cgroup-yard=%s", mount_point);
	return 0;
}

bool criu_ignores_cgroups(const struct criu_call *call, const char *cgroup)
{
	const char *mode = call->options->manage_cgroups_mode;

	return !cgroup || (mode && strcmp(mode, IGNORE) == 0);
}

/* Otherwise it mounts the hierarchies itself, where it has no yard, and changes the options of the host's. */
void criu_add_ignored_cgroups(struct criu_call *call)
{
	criu_add(&call->request, "manage-cgroups-mode=0");
}

int criu_tell_ready(const struct criu_call *call, struct error *err)
{
	if (call->status_fd < 0)
		return 0;
	return fd_write_all(call->status_fd, "", 1, "--status-fd", err);
}

bool verb_can_checkpoint(void)
{
	_cleanup_criu_request_ struct criu_request request;
	struct error err = ERROR_INIT;

	criu_begin(&request, "load");
	if (criu_perform(&request, NULL, &err) >= 0)
		return true;
	error_ignore(&err, "that is the answer");
	return false;
}
