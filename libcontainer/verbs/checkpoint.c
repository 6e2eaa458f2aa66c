/* checkpoint: saves a container's processes by CRIU. Everything that CRIU has to be told comes from the record and
 * from the kernel: which mounts, streams and namespaces are the host's. The lock is held all the while, so that
 * nobody starts, pauses or deletes the container meanwhile; kill takes none, and ends it as ever. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "state/image.h"
#include "verbs/criu_request.h"
#include "verbs/observe.h"

#define LOG "dump.log"
#define DEATH_MS 10000 /* for the kernel to take away what CRIU has killed */

struct saving {
	struct criu_call call;
	struct state_dir dir;
	struct verb_container container;
	struct image image;
	const char *
		mount_point; /* a directory for what is mounted for CRIU; NULL: none was made */
	int pidfd; /* of the init */
};

static void end(struct saving *s)
{
	if (s->mount_point && unlinkat(s->dir.fd, CRIU_DIRECTORY, AT_REMOVEDIR) < 0)
		trace_debug("%s: %s", s->mount_point, error_errno_text(errno));
	cleanup_fd(&s->pidfd);
	criu_call_close(&s->call);
	state_dir_close(&s->dir);
}

/* A paused container is saved as well, which callers pause themselves before they save it: CRIU leaves its cgroup
 * frozen as it was. But it must have been started. */
static enum state_status started_status(const struct saving *s)
{
	return s->container.status == STATE_PAUSED
		       ? state_status_now(&s->dir, s->container.record, s->call.context->proc)
		       : s->container.status;
}

static int look(struct saving *s, struct error *err)
{
	struct verb_context *context = s->call.context;
	enum state_status status;
	const char *id = s->call.options->id;
	int r;

	r = observe_locked(context, id, &s->dir, &s->container, err);
	if (r < 0)
		return r;
	status = started_status(s);
	if (status != STATE_RUNNING)
		return error_set(err, status == STATE_STOPPED ? ESRCH : EBUSY,
				 "Container cannot be checkpointed in %s state",
				 state_status_name(status));
	if (s->container.record->no_checkpoint)
		return error_set(err, ENOTSUP, "the container cannot be checkpointed: %s",
				 s->container.record->no_checkpoint);
	s->pidfd = state_open_process(&s->container.record->init, context->proc);
	if (s->pidfd < 0)
		return error_errno(err, -s->pidfd, "open the container's init");
	return 0;
}

/* ---- streams ---- */

static bool is_in(uint64_t id, const struct external_mounts *mounts)
{
	size_t i;

	for (i = 0; i < mounts->n_ids; i++)
		if (mounts->ids[i] == id)
			return true;
	return false;
}

/* The mount that a descriptor of the init was opened through, from its fdinfo. */
static int mount_of(int proc, pid_t pid, int fd, uint64_t *ret_id)
{
	char path[64], text[512], *line;
	_cleanup_fd_ int file = -1;
	unsigned long long id;
	ssize_t n;

	snprintf(path, sizeof path, "%d/fdinfo/%d", (int)pid, fd);
	file = procfs_openat(proc, path, O_RDONLY);
	if (file < 0)
		return file;
	n = read(file, text, sizeof text - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	line = strstr(text, "mnt_id:");
	if (!line || sscanf(line, "mnt_id: %llu", &id) != 1)
		return -EBADMSG;
	*ret_id = id;
	return 0;
}

static bool is_terminal(const struct stat *st)
{
	unsigned number = major(st->st_rdev);

	/* Documentation/admin-guide/devices.txt: virtual consoles and serial lines, /dev/tty and /dev/console,
	 * Unix98 ptys */
	return S_ISCHR(st->st_mode) &&
	       (number == 4 || number == 5 || (number >= 136 && number <= 143));
}

/* Whether a pipe or a socket is one that the container was given: what it has made itself, in place of its streams, is
 * saved. Of a container of an earlier tare that is not known. */
static bool was_given(const struct state_record *record, const char *link)
{
	size_t i;

	for (i = 0; i < STATE_STREAMS; i++)
		if (record->streams[i] && strcmp(record->streams[i], link) == 0)
			return true;
	return !record->streams_known;
}

/* How CRIU names what the stream is, if that is the host's, and whether it has to be told beforehand.
 * @link: as /proc/PID/fd shows it. */
static int name_stream(struct saving *s, int fd, const char *link, struct error *err)
{
	struct arena *arena = s->call.context->arena;
	pid_t pid = s->container.pid;
	const char *key = NULL;
	char path[64];
	struct stat st;
	uint64_t mount = 0;
	int r;

	snprintf(path, sizeof path, "%d/fd/%d", (int)pid, fd);
	if (strncmp(link, "pipe:", 5) == 0) {
		if (was_given(s->container.record, link))
			s->image.streams[fd] = link;
		return 0;
	}
	if (fstatat(s->call.context->proc, path, &st, 0) < 0)
		return error_errno(err, errno, "examine /proc/%s", path);
	if (S_ISSOCK(st.st_mode) && !was_given(s->container.record, link))
		return 0;
	if (S_ISSOCK(st.st_mode)) {
		s->image.streams[fd] = link;
		criu_add(&s->call.request, "external=unix[%ju]", (uintmax_t)st.st_ino);
		return 0;
	}
	r = mount_of(s->call.context->proc, pid, fd, &mount);
	if (r < 0)
		return error_errno(err, -r, "read /proc/%d/fdinfo/%d", (int)pid, fd);
	if (is_in(mount, &s->image.mounts))
		return 0; /* opened by the container itself */
	if (is_terminal(&st))
		key = arena_printf(arena, "tty[%jx:%jx]", (uintmax_t)st.st_rdev,
				   (uintmax_t)st.st_dev);
	else
		key = arena_printf(arena, "file[%jx:%jx]", (uintmax_t)mount,
				   (uintmax_t)st.st_ino);
	if (!key)
		return error_oom(err);
	s->image.streams[fd] = key;
	criu_add(&s->call.request, "external=%s", key);
	return 0;
}

static int name_streams(struct saving *s, struct error *err)
{
	struct arena *arena = s->call.context->arena;
	char path[64], link[PATH_MAX];
	ssize_t n;
	int fd, r;

	for (fd = 0; fd < IMAGE_STREAMS; fd++) {
		snprintf(path, sizeof path, "%d/fd/%d", (int)s->container.pid, fd);
		n = readlinkat(s->call.context->proc, path, link, sizeof link - 1);
		if (n < 0 && errno == ENOENT)
			continue; /* closed */
		if (n < 0)
			return error_errno(err, errno, "read /proc/%s", path);
		s->image.descriptors[fd] = arena_strndup(arena, link, (size_t)n);
		if (!s->image.descriptors[fd])
			return error_oom(err);
		r = name_stream(s, fd, s->image.descriptors[fd], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- mounts and namespaces ---- */

/* A namespace that was joined by path belongs to somebody else: it is given again when the container is restored. */
static int name_namespace(struct saving *s, const char *type, const char *key,
			  struct error *err)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "%d/ns/%s", (int)s->container.pid, type);
	if (fstatat(s->call.context->proc, path, &st, 0) < 0)
		return error_errno(err, errno, "examine /proc/%s", path);
	criu_add(&s->call.request, "external=%s[%ju]:%s", type, (uintmax_t)st.st_ino, key);
	return 0;
}

static int name_namespaces(struct saving *s, struct error *err)
{
	uint64_t joined = s->container.record->joined;
	int r = 0;

	s->image.joined = joined;
	if (joined & CLONE_NEWNET)
		r = name_namespace(s, "net", CRIU_KEY_NETWORK, err);
	if (r >= 0 && joined & CLONE_NEWPID)
		r = name_namespace(s, "pid", CRIU_KEY_PID, err);
	return r;
}

static int name_mounts(struct saving *s, struct error *err)
{
	struct external_mounts *mounts = &s->image.mounts;
	size_t i;
	int r;

	r = external_find(s->call.context->proc, s->container.pid, s->call.context->arena,
			  mounts, err);
	if (r < 0)
		return r;
	for (i = 0; i < mounts->n; i++)
		criu_add(&s->call.request, "external=mnt[%s]:%s", mounts->mounts[i].point,
			 mounts->mounts[i].point);
	return 0;
}

static int compose(struct saving *s, struct error *err)
{
	const struct verb_criu_options *o = s->call.options;
	const struct state_record *record = s->container.record;
	struct criu_request *request = &s->call.request;
	const char *below;
	int r;

	r = criu_begin_call(&s->call, o->pre_dump ? "pre-dump" : "dump", LOG,
			    record->annotations, record->n_annotations, err);
	if (r < 0)
		return r;
	s->mount_point = criu_make_mount_point(s->call.context, &s->dir, err);
	if (!s->mount_point)
		return -err->code;
	r = criu_add_mounts(&s->call, s->mount_point, record->cgroup, &below, err);
	if (r < 0)
		return r;
	s->image.no_cgroups = criu_ignores_cgroups(&s->call, record->cgroup);
	if (s->image.no_cgroups)
		criu_add_ignored_cgroups(&s->call);
	criu_add(request, "pid=%d", (int)s->container.pid);
	criu_add(request, "root=%s", record->rootfs);
	criu_add(request, "orphan-pts-master");
	if (record->cgroup)
		criu_add(request, "freeze-cgroup=%s", record->cgroup);
	if (o->leave_running)
		criu_add(request, "leave-running");
	if (o->pre_dump || o->parent_path)
		criu_add(request, "track-mem");
	r = name_mounts(s, err);
	if (r >= 0)
		r = name_streams(s, err);
	if (r >= 0)
		r = name_namespaces(s, err);
	return r;
}

/* CRIU is told of the init by its number alone, which may be another's once the init has ended. When CRIU holds the
 * processes ("network-lock", "post-dump") and the init has not ended, they are the container's. */
static int still_lives(const struct saving *s, struct error *err)
{
	if (process_wait_end(s->pidfd, 0) < 0)
		return 0;
	return error_set(err, ESRCH, "the container ended while it was checkpointed");
}

static int notified(void *data, const char *action, pid_t pid, int fd, struct error *err)
{
	const struct saving *s = data;

	(void)pid;
	(void)fd;
	if (strcmp(action, "pre-dump") == 0 || strcmp(action, "network-lock") == 0 ||
	    strcmp(action, "post-dump") == 0)
		return still_lives(s, err);
	return strcmp(action, "status-ready") == 0 ? criu_tell_ready(&s->call, err) : 0;
}

/* CRIU returns when it has killed the processes, the kernel needs a moment more. */
static int wait_for_end(struct saving *s, struct error *err)
{
	if (process_wait_end(s->pidfd, DEATH_MS) < 0)
		return error_set(err, ETIMEDOUT,
				 "the container was checkpointed and does not end");
	return 0;
}

static int save(struct saving *s, struct error *err)
{
	const struct criu_observer observer = { notified, s };
	const struct verb_criu_options *o = s->call.options;
	int r;

	r = compose(s, err);
	if (r < 0)
		return r;
	r = still_lives(s, err);
	/* before: a container that was ended has to be one that can be restored */
	if (r >= 0 && !o->pre_dump)
		r = image_write(s->call.images, &s->image, err);
	if (r < 0)
		return r;
	r = criu_perform(&s->call.request, &observer, err);
	if (r < 0) {
		if (!o->pre_dump)
			image_remove(s->call.images);
		error_at(err, "checkpoint by CRIU");
		return criu_explain(s->call.work, s->call.work_path, LOG,
				    s->call.context->arena, err);
	}
	return o->pre_dump || o->leave_running ? 0 : wait_for_end(s, err);
}

int verb_checkpoint(struct verb_context *context, const struct verb_criu_options *options,
		    struct error *err)
{
	_cleanup_(end) struct saving s = {
		.call = CRIU_CALL_INIT,
		.dir = STATE_DIR_INIT,
		.pidfd = -1,
	};
	int r;

	s.call.context = context;
	s.call.options = options;
	r = criu_check_options(&s.call, err);
	if (r >= 0)
		r = criu_check_caller(context, err);
	if (r >= 0)
		r = look(&s, err);
	if (r >= 0)
		r = criu_open_directories(&s.call, true, err);
	return r < 0 ? r : save(&s, err);
}
