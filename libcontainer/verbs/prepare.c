/* Reading the bundle and planning. config.json is read once, by this process alone; the container's
 * side works from the plan in memory, and later verbs from the record, so that a change of the file
 * after create has no effect (spec:24). */
#include "verbs/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "kernel/procfs.h"

/* As many as --preserve-fds takes. */
#define LISTEN_FDS_MAX (1 << 20)

/* What the kernel calls an open directory. Returns its length, or 0 where procfs can't tell, because it is another
 * pid namespace's, or the directory is not below the root. */
static size_t path_of(int proc, int directory, char *path, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof link, "self/fd/%d", directory);
	n = readlinkat(proc, link, path, size);
	return n > 0 && (size_t)n < size && path[0] == '/' ? (size_t)n : 0;
}

/* Opens the bundle and finds its path without links: a look at each of its directories is spared. */
static int open_bundle(struct verb_context *context, const char *given,
		       struct prepared *prepared, struct error *err)
{
	char resolved[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	size_t length;

	given = given ? given : ".";
	fd = openat(AT_FDCWD, given, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "bundle %s", given);
	length = path_of(context->proc, fd, resolved, sizeof resolved);
	if (length > 0)
		resolved[length] = '\0';
	else if (!realpath(given, resolved))
		return error_errno(err, errno, "bundle %s", given);
	prepared->bundle = arena_strdup(context->arena, resolved);
	return prepared->bundle ? steal_fd(&fd) : error_oom(err);
}

/* A bundle's config.json is a regular file: a fifo would be waited for without end. What --config names may be
 * anything that can be read, such as a shell's <(...). */
static int open_config(int directory, const char *bundle, const char *config, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (config) {
		fd = openat(AT_FDCWD, config, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return error_errno(err, errno, "JSON specification file %s not found",
					   config);
		return steal_fd(&fd);
	}
	fd = openat(directory, "config.json", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ENOENT,
				 "JSON specification file config.json not found (in %s)",
				 bundle);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "open config.json in %s", bundle);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "config.json in %s is no regular file", bundle);
	return steal_fd(&fd);
}

static int load(struct verb_context *context, int bundle, const char *config,
		struct prepared *prepared, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char *text;
	ssize_t n;
	int r;

	fd = open_config(bundle, prepared->bundle, config, err);
	if (fd < 0)
		return fd;
	n = fd_read_all(fd, JSON_SIZE_MAX, config ? config : "config.json", context->arena,
			&text, err);
	if (n < 0)
		return (int)n;
	r = spec_load(text, (size_t)n, prepared->bundle, context->arena, &prepared->spec, err);
	return r < 0 && config ? error_at(err, "--config %s", config) : r;
}

static unsigned probe_wishes(const struct spec *spec, bool layers)
{
	unsigned wishes = (geteuid() == 0 ? PROBE_DETACHED : 0) | (layers ? PROBE_OVERLAY : 0);
	size_t i;

	for (i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i].type && strcmp(spec->mounts[i].type, "overlay") == 0)
			wishes |= PROBE_OVERLAY;
	for (i = 0; i < spec->n_annotations; i++)
		if (strcmp(spec->annotations[i].key, "io.tare.root.layers") == 0)
			wishes |= PROBE_OVERLAY;
	return wishes;
}

/* The sockets that systemd, or an engine in its place, passes to this very process (sd_listen_fds(3)). A
 * LISTEN_PID of another process means that they were not for us. */
static int count_listen_fds(unsigned *ret_count, struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	unsigned long count;
	char *end;

	*ret_count = 0;
	if (!pid || !fds || strtoul(pid, &end, 10) != (unsigned long)getpid() || *end != '\0')
		return 0;
	errno = 0;
	count = strtoul(fds, &end, 10);
	if (*fds < '0' || *fds > '9' || *end != '\0' || errno != 0 || count > LISTEN_FDS_MAX)
		return error_set(err, EINVAL, "LISTEN_FDS: \"%s\" is no number of descriptors",
				 fds);
	*ret_count = (unsigned)count;
	return 0;
}

static int know_cgroup_namespace(const struct verb_context *context, const struct spec *spec,
				 struct plan_options *options, struct error *err)
{
	const struct spec_namespace *namespace = spec_namespace_find(spec->linux_,
								     SPEC_NAMESPACE_CGROUP);
	int r;

	if (!namespace || !namespace->path)
		return 0;
	r = procfs_know_cgroup_namespace(context->proc, AT_FDCWD, namespace->path,
					 &options->own_cgroup_namespace,
					 &options->initial_cgroup_namespace);
	return r < 0 ? error_errno(err, -r, "examine the cgroup namespace %s", namespace->path)
		     : 0;
}

static int plan(struct verb_context *context, const struct verb_create_options *options,
		bool detached, struct prepared *prepared, struct error *err)
{
	char directory[PATH_MAX];
	int r;

	r = probe_kernel(probe_wishes(prepared->spec, options->layers != NULL), &prepared->caps,
			 err);
	if (r < 0)
		return r;
	if (context->settings->kernel_caps) {
		r = probe_switch_off(&prepared->caps, context->settings->kernel_caps, err);
		if (r < 0)
			return error_at(err, "--kernel-caps");
	}
	r = procfs_in_initial_userns(context->proc);
	if (r < 0)
		return error_errno(err, -r, "examine the user namespace");
	prepared->options = (struct plan_options){
		.id = options->id,
		.bundle = prepared->bundle,
		.cgroup_manager = context->settings->cgroup_manager,
		.rootless = context->settings->rootless,
		.euid = geteuid(),
		.initial_userns = r > 0,
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.detached = detached,
		.console_socket = options->console_socket,
		.preserve_fds = options->preserve_fds,
		.listen_fdnames = getenv("LISTEN_FDNAMES"),
		.notify_socket = getenv("NOTIFY_SOCKET"),
		.resctrl = secure_getenv("TARE_RESCTRL"),
		.layers = options->layers,
		.upper = options->upper,
	};
	r = know_cgroup_namespace(context, prepared->spec, &prepared->options, err);
	if (r < 0)
		return r;
	if (options->layers || options->upper) {
		if (!getcwd(directory, sizeof directory))
			return error_errno(err, errno, "find the working directory");
		prepared->options.working_directory = arena_strdup(context->arena, directory);
		if (!prepared->options.working_directory)
			return error_oom(err);
	}
	r = count_listen_fds(&prepared->options.listen_fds, err);
	if (r < 0)
		return r;
	return plan_build(prepared->spec, &prepared->caps, &prepared->options, context->arena,
			  &prepared->plan, err);
}

int prepare(struct verb_context *context, const struct verb_create_options *options,
	    bool detached, struct prepared *ret_prepared, struct error *err)
{
	_cleanup_fd_ int bundle = -1;
	int r;

	timeline_step(options->timeline, "reading config.json");
	bundle = open_bundle(context, options->bundle, ret_prepared, err);
	if (bundle < 0)
		return bundle;
	r = load(context, bundle, options->config, ret_prepared, err);
	if (r < 0)
		return r;
	timeline_step(options->timeline, "probing and planning");
	return plan(context, options, detached, ret_prepared, err);
}

int prepare_filter(struct verb_context *context, const struct plan *plan,
		   struct seccomp_program *ret_filter, struct error *err)
{
	int r = 0;

	*ret_filter = (struct seccomp_program){ 0 };
	if (plan->raw_filter.size > 0)
		seccomp_take(plan->raw_filter.program, plan->raw_filter.size, ret_filter);
	if (!plan->seccomp)
		return 0;
	if (plan->fail_unknown_calls)
		r = seccomp_check_names(plan->seccomp, err);
	return r < 0 ? r
		     : seccomp_compile_by(context->settings->seccomp_compiler, plan->seccomp,
					  context->arena, ret_filter, err);
}
