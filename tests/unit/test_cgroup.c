/* The cgroup layer: finding the hierarchy from texts, and, as root where a cgroup2 is mounted, real
 * cgroups with names of this process that are gone afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/cgroup.h"
#include "cgroup/file.h"
#include "cgroup/hierarchy.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"

struct fixture {
	struct arena *arena;
	int proc;
	bool usable; /* root, and a cgroup2 that can be written to */
	char name[64];
	const char *base; /* absolute path of a cgroup of our own; NULL: not usable */
	struct plan_cgroup plan;
	struct error err;
};

static bool any(const char *path)
{
	(void)path;
	return true;
}

static bool not_the_first(const char *path)
{
	return strcmp(path, "/sys/fs/cgroup") != 0;
}

static void check_pick(const char *mountinfo, const char *own, bool (*usable)(const char *),
		       const char *mount_point, const char *below)
{
	struct cgroup_hierarchy hierarchy;
	struct arena *arena = arena_new();
	char *text = strdup(mountinfo);
	int r = cgroup_pick_hierarchy(text, own, usable, arena, &hierarchy);

	if (!mount_point) {
		assert_int_equal(r, -ENOENT);
	} else {
		assert_int_equal(r, 0);
		assert_string_equal(hierarchy.mount_point, mount_point);
		assert_string_equal(hierarchy.own, below);
	}
	free(text);
	arena_free(arena);
}

static void picks_the_mount(void **state)
{
	static const char pure[] =
		"23 1 8:1 / / rw - ext4 /dev/sda rw\n"
		"31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
	static const char hybrid[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
		"32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	static const char parts[] = "31 23 0:28 /a /mnt/my\\040part rw - cgroup2 cgroup2 rw\n"
				    "32 23 0:28 /a/b/c /mnt/c rw - cgroup2 none rw\n"
				    "33 23 0:28 /other /mnt/o rw - cgroup2 none rw\n";
	static const char covered[] = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none rw\n"
				      "32 23 0:28 / /mnt/cg rw - cgroup2 none rw\n";

	(void)state;
	check_pick(pure, "/user.slice/a", any, "/sys/fs/cgroup", "/user.slice/a");
	check_pick(hybrid, "/", any, "/sys/fs/cgroup/unified", "/");
	check_pick(parts, "/a/b/c/d", any, "/mnt/my part", "/b/c/d");
	check_pick(parts, "/a", any, "/mnt/my part", "/");
	check_pick(parts, "/ab", any, NULL, NULL);
	check_pick(covered, "/x", not_the_first, "/mnt/cg", "/x");
	check_pick("", "/x", any, NULL, NULL);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int r;

	f->err = ERROR_INIT;
	f->arena = arena_new();
	f->proc = procfs_open(&f->err);
	snprintf(f->name, sizeof f->name, "/tare-unit-%d/box", (int)getpid());
	f->plan = (struct plan_cgroup){ .path = f->name, .id = "box" };
	f->usable = geteuid() == 0;
	r = f->usable ? cgroup_locate(&f->plan, f->proc, f->arena, &f->base, &f->err) : 0;
	f->usable = f->usable && r == 0 && f->base;
	f->err = ERROR_INIT;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char *parent;

	if (f->usable) {
		parent = strdup(f->base);
		*strrchr(parent, '/') = '\0';
		if (cgroup_destroy(parent, true, &f->err) < 0)
			fprintf(stderr, "%s\n", f->err.text);
		free(parent);
	}
	close(f->proc);
	arena_free(f->arena);
	free(f);
	return 0;
}

static struct fixture *needs_cgroup(void **state)
{
	struct fixture *f = *state;

	if (!f->usable)
		skip();
	return f;
}

/* spec:178, spec:180, spec:182 */
static void locates(void **state)
{
	struct fixture *f = needs_cgroup(state);
	const char *absolute, *relative, *named;
	struct plan_cgroup plan = { .path = "/some/where", .id = "id1" };

	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &absolute, &f->err), 0);
	plan.path = "some//./where/";
	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &relative, &f->err), 0);
	if (procfs_in_initial_userns(f->proc) == 1)
		assert_string_equal(absolute, relative);
	plan.path = NULL;
	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &named, &f->err), 0);
	assert_string_equal(strrchr(named, '/'), "/id1");
	plan.path = "a/../../b";
	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &named, &f->err), -EINVAL);
	f->err = ERROR_INIT;
	plan.path = "//";
	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &named, &f->err), -EINVAL);
	f->err = ERROR_INIT;
	plan.manager = PLAN_CGROUP_DISABLED;
	assert_int_equal(cgroup_locate(&plan, f->proc, f->arena, &named, &f->err), 0);
	assert_null(named);
}

static void undoes_what_it_made(void **state)
{
	const struct plan_cgroup_write writes[] = {
		{ .file = "cgroup.max.depth", .value = "5", .where = "one" },
		{ .file = "no.such.file", .value = "5", .where = "two", .optional = true },
		{ .file = "no.such.file", .value = "5", .where = "three" },
	};
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;
	char *parent = arena_strndup(f->arena, f->base,
				     (size_t)(strrchr(f->base, '/') - f->base));

	f->plan.writes = writes;
	f->plan.n_writes = 3;
	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "three"));
	assert_int_equal(access(parent, F_OK), -1);
	f->plan.n_writes = 2;
	f->err = ERROR_INIT;
	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_true(cgroup.created && cgroup.fd >= 0);
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, true, &f->err), 0);
	assert_int_equal(access(f->base, F_OK), -1);
	assert_int_equal(cgroup_destroy(f->base, true, &f->err), 0);
}

/* The cgroups above are the business of whoever made them, and stay as long as something else is in them. */
static void removes_what_it_made_above(void **state)
{
	struct fixture *f = needs_cgroup(state);
	const char *deep = arena_printf(f->arena, "%s/a/b/c", f->base);
	const char *beside = arena_printf(f->arena, "%s/a/other", f->base);
	struct cgroup cgroup, second;

	assert_int_equal(cgroup_count_missing(deep), 5);
	assert_int_equal(cgroup_create(&f->plan, deep, &cgroup, &f->err), 0);
	assert_int_equal(cgroup_count_missing(deep), 0);
	assert_int_equal(cgroup.above, 4);
	assert_int_equal(cgroup_create(&f->plan, beside, &second, &f->err), 0);
	assert_int_equal(second.above, 0);
	cgroup_close(&cgroup);
	cgroup_close(&second);
	assert_int_equal(cgroup_destroy(deep, true, &f->err), 0);
	cgroup_remove_above(deep, cgroup.above);
	assert_int_equal(cgroup_count_missing(deep), 2);
	assert_int_equal(cgroup_destroy(beside, true, &f->err), 0);
	cgroup_remove_above(deep, 2);
	/* no more than was asked for */
	assert_int_equal(cgroup_count_missing(deep), 3);
	cgroup_remove_above(deep, cgroup.above);
	assert_int_equal(cgroup_count_missing(deep), 5);
}

static void names_a_missing_controller(void **state)
{
	const struct plan_cgroup_write write = {
		.controller = "warp", .file = "warp.max", .value = "9", .where = "linux.here"
	};
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;

	f->plan.writes = &write;
	f->plan.n_writes = 1;
	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), -ENOTSUP);
	assert_non_null(strstr(f->err.text, "linux.here: "));
	assert_non_null(strstr(f->err.text, "controller warp"));
	assert_int_equal(access(f->base, F_OK), -1);
}

/* A child in the cgroup that waits to be killed; -1 when there was none. */
static pid_t inhabit(const struct cgroup *cgroup, int *ret_pidfd)
{
	pid_t pid = process_clone(TARE_CLONE_INTO_CGROUP, cgroup->fd, SIGCHLD, ret_pidfd);

	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		for (;;)
			pause();
	}
	return pid;
}

/* spec:176, spec:177 */
static void refuses_what_is_unfit(void **state)
{
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup, second;
	int pidfd = -1, status;
	pid_t pid;

	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_int_equal(cgroup_populated(f->base, &f->err), 0);
	pid = inhabit(&cgroup, &pidfd);
	assert_true(pid > 0);
	assert_int_equal(cgroup_populated(f->base, &f->err), 1);
	assert_int_equal(cgroup_create(&f->plan, f->base, &second, &f->err), -EBUSY);
	assert_non_null(
		strstr(f->err.text, "container's cgroup is not empty: 1 process(es) found"));
	f->err = ERROR_INIT;
	assert_int_equal(cgroup_signal(f->base, SIGTERM, &f->err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(pidfd);
	assert_int_equal(fd_write_file(cgroup.fd, "cgroup.freeze", "1", &f->err), 0);
	assert_int_equal(cgroup_create(&f->plan, f->base, &second, &f->err), -EBUSY);
	assert_non_null(strstr(f->err.text, "container's cgroup unexpectedly frozen"));
	f->err = ERROR_INIT;
	assert_int_equal(fd_write_file(cgroup.fd, "cgroup.freeze", "0", &f->err), 0);
	/* an empty one is taken, and is not ours to remove */
	assert_int_equal(cgroup_create(&f->plan, f->base, &second, &f->err), 0);
	assert_false(second.created);
	cgroup_close(&second);
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, false, &f->err), 0);
	assert_int_equal(access(f->base, F_OK), 0);
}

/* The processes, frozen ones too, and cgroups however deep below. */
static void removes_all_of_it(void **state)
{
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup, inner;
	int pidfd[2] = { -1, -1 }, depth, dir, next, i;
	pid_t pid[2];

	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	dir = fcntl(cgroup.fd, F_DUPFD_CLOEXEC, 0);
	for (depth = 0; depth < 100; depth++) {
		assert_int_equal(mkdirat(dir, "x", 0755), 0);
		next = openat(dir, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	inner = (struct cgroup){ .fd = dir };
	pid[0] = inhabit(&cgroup, &pidfd[0]);
	pid[1] = inhabit(&inner, &pidfd[1]);
	assert_true(pid[0] > 0 && pid[1] > 0);
	assert_int_equal(fd_write_file(cgroup.fd, "cgroup.freeze", "1", &f->err), 0);
	close(dir);
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, true, &f->err), 0);
	assert_int_equal(access(f->base, F_OK), -1);
	for (i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
		close(pidfd[i]);
	}
}

/* What a process in the cgroup gets from opening @path: 0 or an errno. */
static int open_inside(const struct cgroup *cgroup, const char *path, int flags)
{
	int pidfd = -1, status = -1;
	pid_t pid = process_clone(TARE_CLONE_INTO_CGROUP, cgroup->fd, SIGCHLD, &pidfd);

	if (pid == 0)
		_exit(open(path, flags | O_CLOEXEC) < 0 ? errno : 0);
	assert_true(pid > 0);
	assert_int_equal(process_wait(pidfd, &status), 0);
	close(pidfd);
	return status;
}

static void check_file(const struct cgroup *cgroup, const char *file, const char *expected,
		       struct fixture *f)
{
	char *text = NULL;

	assert_true(fd_read_file(cgroup->fd, file, 4096, f->arena, &text, &f->err) >= 0);
	assert_string_equal(text, expected);
}

/* Sees the new value, and does not want it. */
static int refuse(void *data, struct error *err)
{
	const int *dir = data;
	char text[16] = "";

	assert_true(cgroup_file_read(*dir, "cgroup.max.descendants", text, sizeof text) > 0);
	assert_string_equal(text, "7");
	return error_set(err, EPERM, "not wanted");
}

/* contract:7.12 */
static void updates_all_or_nothing(void **state)
{
	const struct plan_cgroup_write writes[] = {
		{ .file = "cgroup.max.depth", .value = "5", .where = "one" },
		{ .file = "no.such.file", .value = "5", .where = "two", .optional = true },
		{ .file = "cgroup.max.descendants", .value = "7", .where = "three" },
		{ .file = "cgroup.max.depth", .value = "4", .where = "four" },
		{ .file = "cgroup.max.descendants", .value = "many", .where = "five" },
	};
	const struct plan_cgroup update = { .n_writes = 5, .writes = writes },
				 shorter = { .n_writes = 4, .writes = writes };
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;

	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_int_equal(fd_write_file(cgroup.fd, "cgroup.max.depth", "9", &f->err), 0);
	assert_int_equal(cgroup_update(&update, f->base, NULL, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "five: write \"many\" to cgroup.max.descendants"));
	f->err = ERROR_INIT;
	check_file(&cgroup, "cgroup.max.depth", "9\n", f);
	check_file(&cgroup, "cgroup.max.descendants", "max\n", f);
	assert_int_equal(cgroup_update(&shorter, f->base, NULL, &f->err), 0);
	check_file(&cgroup, "cgroup.max.depth", "4\n", f);
	check_file(&cgroup, "cgroup.max.descendants", "7\n", f);
	assert_int_equal(fd_write_file(cgroup.fd, "cgroup.max.descendants", "8", &f->err), 0);
	assert_int_equal(cgroup_update(&shorter, f->base,
				       &(struct cgroup_step){ refuse, &cgroup.fd }, &f->err),
			 -EPERM);
	assert_non_null(strstr(f->err.text, ": not wanted"));
	f->err = ERROR_INIT;
	check_file(&cgroup, "cgroup.max.depth", "4\n", f);
	check_file(&cgroup, "cgroup.max.descendants", "8\n", f);
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, true, &f->err), 0);
	assert_int_equal(cgroup_update(&shorter, f->base, NULL, &f->err), -ESRCH);
	f->err = ERROR_INIT;
	assert_int_equal(cgroup_update(&shorter, NULL, NULL, &f->err), -ENOTSUP);
	f->err = ERROR_INIT;
}

/* spec:204: a weight is said in one of two ways. */
static void writes_in_one_way_or_the_other(void **state)
{
	const struct plan_cgroup_write writes[] = {
		{ .file = "no.such.file", .value = "5", .where = "here", .or_next = true },
		{ .file = "cgroup.max.depth", .value = "5", .where = "here", .optional = true },
		{ .file = "no.such.file", .value = "5", .where = "there", .or_next = true },
		{ .file = "nor.this", .value = "5", .where = "there", .optional = true },
	};
	struct plan_cgroup update = { .n_writes = 2, .writes = writes };
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;

	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_int_equal(cgroup_update(&update, f->base, NULL, &f->err), 0);
	check_file(&cgroup, "cgroup.max.depth", "5\n", f);
	update.writes = &writes[1];
	update.n_writes = 3;
	assert_int_equal(cgroup_update(&update, f->base, NULL, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "there: open nor.this: no such file"));
	assert_non_null(strstr(f->err.text, "and no.such.file does not take it either"));
	f->err = ERROR_INIT;
	cgroup_close(&cgroup);
}

/* As create does it. */
static int create_filtered(struct fixture *f, struct cgroup *ret_cgroup)
{
	int r = cgroup_create(&f->plan, f->base, ret_cgroup, &f->err);

	return r < 0 ? r : cgroup_filter_devices(&f->plan, ret_cgroup, &f->err);
}

/* spec:192 */
static void filters_devices(void **state)
{
	const struct plan_device_rule rules[] = {
		{ false, 'a', -1, -1, 7 },
		{ true, 'c', 1, 5, 7 },
		{ true, 'c', 1, 3, 7 },
		{ false, 'c', 1, 3, PLAN_ACCESS_WRITE },
	};
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;
	int r;

	f->plan.filter_devices = true;
	f->plan.device_rules = rules;
	f->plan.n_device_rules = 4;
	r = create_filtered(f, &cgroup);
	if (r == -EPERM || r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(open_inside(&cgroup, "/dev/zero", O_RDWR), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/null", O_RDONLY), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/null", O_RDWR), EPERM);
	assert_int_equal(open_inside(&cgroup, "/dev/full", O_RDONLY), EPERM);
	cgroup_close(&cgroup);
	/* a later container in the same cgroup is not held by this one's filter */
	f->plan.n_device_rules = 3;
	assert_int_equal(create_filtered(f, &cgroup), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/null", O_RDWR), 0);
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, false, &f->err), 0);
	f->plan.filter_devices = false;
	assert_int_equal(create_filtered(f, &cgroup), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/full", O_RDONLY), 0);
	cgroup_explain_oom(&cgroup, "working", &f->err);
	assert_string_equal(f->err.text, "");
	cgroup_close(&cgroup);
}

/* Opens what neither the old rules nor the new ones allow, until it is killed; ends with 1 if it ever could. */
static pid_t try_all_the_time(const struct cgroup *cgroup, int *ret_pidfd)
{
	pid_t pid = process_clone(TARE_CLONE_INTO_CGROUP, cgroup->fd, SIGCHLD, ret_pidfd);

	if (pid == 0) {
		while (open("/dev/full", O_RDONLY | O_CLOEXEC) < 0)
			continue;
		_exit(1);
	}
	assert_true(pid > 0);
	return pid;
}

static void replaces_the_filter_without_a_gap(void **state)
{
	const struct plan_device_rule rules[] = { { false, 'a', -1, -1, 7 },
						  { true, 'c', 1, 5, 7 },
						  { true, 'c', 1, 3, 7 } };
	struct plan_cgroup update = { .filter_devices = true, .device_rules = rules };
	struct fixture *f = needs_cgroup(state);
	int pidfd = -1, status = 0, r, i;
	struct cgroup cgroup;
	pid_t pid;

	f->plan.filter_devices = true;
	f->plan.device_rules = rules;
	f->plan.n_device_rules = 2;
	r = create_filtered(f, &cgroup);
	if (r == -EPERM || r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(open_inside(&cgroup, "/dev/null", O_RDONLY), EPERM);
	pid = try_all_the_time(&cgroup, &pidfd);
	for (i = 0; i < 300; i++) {
		update.n_device_rules = i % 2 ? 2 : 3;
		assert_int_equal(cgroup_update(&update, f->base, NULL, &f->err), 0);
	}
	update.n_device_rules = 3;
	assert_int_equal(cgroup_update(&update, f->base, NULL, &f->err), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/null", O_RDONLY), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(pidfd);
	/* and only one is left to be taken off */
	cgroup_close(&cgroup);
	assert_int_equal(cgroup_destroy(f->base, false, &f->err), 0);
	f->plan.filter_devices = false;
	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_int_equal(open_inside(&cgroup, "/dev/full", O_RDONLY), 0);
	cgroup_close(&cgroup);
}

/* spec:185 to spec:191 */
static void gives_it_away(void **state)
{
	struct fixture *f = needs_cgroup(state);
	struct cgroup cgroup;
	struct stat st;

	f->plan.delegate = true;
	f->plan.owner_uid = 1234;
	f->plan.owner_gid = 2345;
	assert_int_equal(cgroup_create(&f->plan, f->base, &cgroup, &f->err), 0);
	assert_int_equal(fstat(cgroup.fd, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(fstatat(cgroup.fd, "cgroup.procs", &st, 0), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(fstatat(cgroup.fd, "cgroup.freeze", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	cgroup_close(&cgroup);
}

static void write_events(int dir, unsigned kills, unsigned refusals)
{
	int fd = openat(dir, "memory.events", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "low 0\nhigh 0\nmax %u\noom %u\noom_kill %u\n", refusals, kills,
			    kills) > 0);
	close(fd);
}

/* memory.events never goes back: what a cgroup had counted before is not the container's. */
static void subtracts_what_was_before(void **state)
{
	char path[] = "/tmp/tare-unit-XXXXXX";
	struct cgroup cgroup = CGROUP_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_non_null(mkdtemp(path));
	cgroup.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cgroup_oom_killed(path, 0), -ENODATA);
	cgroup_note_oom(&cgroup);
	assert_int_equal(cgroup.oom_kills, 0);
	write_events(cgroup.fd, 2, 7);
	cgroup_note_oom(&cgroup);
	error_set(&err, ENOMEM, "no memory");
	cgroup_explain_oom(&cgroup, "working", &err);
	assert_string_equal(err.text, "no memory");
	assert_int_equal(cgroup_oom_killed(path, cgroup.oom_kills), 0);
	write_events(cgroup.fd, 2, 8);
	cgroup_explain_oom(&cgroup, "working", &err);
	assert_string_equal(err.text,
			    "no memory (memory limit too low? it is none of its own)");
	write_events(cgroup.fd, 3, 8);
	cgroup_explain_oom(&cgroup, "working", &err);
	assert_non_null(strstr(err.text, "OOM-killed"));
	assert_int_equal(cgroup_oom_killed(path, cgroup.oom_kills), 1);
	assert_int_equal(cgroup_oom_killed(path, 0), 1);
	unlinkat(cgroup.fd, "memory.events", 0);
	cgroup_close(&cgroup);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_the_mount),
		cmocka_unit_test(subtracts_what_was_before),
		cmocka_unit_test_setup_teardown(locates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(undoes_what_it_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_what_it_made_above, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_a_missing_controller, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_unfit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_all_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(updates_all_or_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writes_in_one_way_or_the_other, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(filters_devices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaces_the_filter_without_a_gap, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(gives_it_away, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
