/* The rootfs layer on plans that are built by hand: each row makes a small image, performs operations on
 * it in a mount namespace of its own (or a user namespace, too) and looks at the result from inside.
 * Needs root; without it each row is skipped by name. The rows name the promise or the attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "kernel/mountfd.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"
#include "rootfs/rootfs.h"
#include "rootfs/target.h"

#define BASE "/tmp/tare-rootfs-test"
#define ROOT BASE "/root"
#define HOST BASE "/host" /* stands for the host: canaries and sources */
#define OPS_MAX 160

/* What a row works on. */
struct world {
	struct plan_op ops[OPS_MAX], finish[OPS_MAX];
	struct plan_rootfs plan;
	int proc; /* the host's procfs, for looking around inside */
	int root;
	char mountinfo[65536];
	char failure[1024];
};

struct row {
	const char *name;
	void (*prepare)(struct world *world);
	void (*check)(struct world *world); /* inside, when all went well */
	const char *error; /* a part of the message that is expected instead */
	void (*after)(struct world *world); /* outside, in any case */
	bool userns;
};

#define expect(world, condition)                                                               \
	do {                                                                                   \
		if (!(condition) && !(world)->failure[0])                                      \
			snprintf((world)->failure, sizeof(world)->failure, "line %d: %s (%s)", \
				 __LINE__, #condition, strerror(errno));                       \
	} while (0)

/* ---- making things ---- */

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		abort();
}

static void make_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
}

static void make_link(const char *content, const char *path)
{
	if (symlink(content, path) < 0)
		abort();
}

static struct plan_op *add(struct world *world, enum plan_op_kind kind, const char *target)
{
	bool late = kind >= PLAN_OP_SEAL;
	struct plan_op *op = late ? &world->finish[world->plan.n_finish++]
				  : &world->ops[world->plan.n_ops++];

	op->kind = kind;
	op->target = target;
	op->where = "row";
	op->opened = -1;
	return op;
}

static struct plan_op *add_mount(struct world *world, const char *type, const char *target,
				 uint64_t set)
{
	struct plan_op *op = add(world, PLAN_OP_MOUNT, target);

	op->type = op->source = type;
	op->attributes.set = set;
	op->no_follow_target = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	return op;
}

static struct plan_op *add_bind(struct world *world, const char *source, const char *target)
{
	struct plan_op *op = add(world, PLAN_OP_BIND, target);

	op->source = source;
	op->recursive = true;
	op->opened = (int)world->plan.n_opened++;
	return op;
}

static struct plan_op *add_device(struct world *world, const char *target, unsigned minor)
{
	struct plan_op *op = add(world, PLAN_OP_DEVICE, target);

	op->device = (struct plan_device){
		.type = S_IFCHR, .major = 1, .minor = minor, .mode = 0666
	};
	if (world->plan.in_userns) {
		op->device.bind = true;
		op->source = target;
		op->opened = (int)world->plan.n_opened++;
	}
	return op;
}

/* ---- looking at things ---- */

static void read_mountinfo(struct world *world)
{
	_cleanup_fd_ int fd = openat(world->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n = 0;

	while (fd >= 0 && length < sizeof world->mountinfo - 1 &&
	       (n = read(fd, world->mountinfo + length, sizeof world->mountinfo - 1 - length)) >
		       0)
		length += (size_t)n;
	world->mountinfo[length] = '\0';
}

/* Whether the last mount at @target has each word of @words in its line of mountinfo, and none that
 * begins with '!'. */
static bool mounted(struct world *world, const char *target, const char *words)
{
	char line[2048] = "", at[512], copy[256], *word, *rest = copy, *save = world->mountinfo;
	const char *next;

	for (; *save; save = (char *)(*next ? next + 1 : next)) {
		next = save + strcspn(save, "\n");
		if (sscanf(save, "%*s %*s %*s %*s %511s", at) == 1 && strcmp(at, target) == 0)
			snprintf(line, sizeof line, "%.*s", (int)(next - save), save);
	}
	if (!line[0])
		return false;
	for (word = line; *word; word++)
		if (*word == ',' || *word == ' ')
			*word = '|';
	snprintf(copy, sizeof copy, "%s", words);
	while ((word = strsep(&rest, " "))) {
		char bars[128];
		bool no = word[0] == '!';

		snprintf(bars, sizeof bars, "|%s%s", word + no, strchr(word, ':') ? "" : "|");
		strncat(line, "|", sizeof line - strlen(line) - 1);
		if (!!strstr(line, bars) == no) {
			fprintf(stderr, "%s: %s: %s\n", target, word, line);
			return false;
		}
	}
	return true;
}

static bool is_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char found[256];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, found, sizeof found);
	return n == (ssize_t)strlen(text) && memcmp(found, text, (size_t)n) == 0;
}

static bool is_empty_dir(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			return false;
	return true;
}

static bool has_mode(const char *path, mode_t mode)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_mode == mode;
}

static bool is_device(const char *path, unsigned minor)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, minor);
}

static void canary_untouched(struct world *world)
{
	expect(world, is_file(HOST "/canary/ptmx", "canary"));
	expect(world, unlink(HOST "/canary/ptmx") == 0);
	expect(world, is_empty_dir(HOST "/canary"));
}

/* ---- the machinery ---- */

/* In the container's side. Writes what went wrong to @report and ends. */
static _Noreturn void inside(const struct row *row, struct world *world,
			     const struct rootfs_sources *sources, int report)
{
	struct error err = ERROR_INIT;
	int r;

	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		abort();
	world->root = r = rootfs_assemble(&world->plan, sources, &err);
	if (r >= 0)
		r = rootfs_finish(&world->plan, sources, world->root, &err);
	if (r >= 0)
		r = rootfs_enter(&world->plan, world->root, &err);
	if (r < 0) {
		if (!row->error)
			snprintf(world->failure, sizeof world->failure, "%.900s", err.text);
		else if (!strstr(err.text, row->error))
			snprintf(world->failure, sizeof world->failure, "wrong error: %.900s",
				 err.text);
	} else if (row->error) {
		snprintf(world->failure, sizeof world->failure, "no error: %s", row->error);
	} else {
		read_mountinfo(world);
		row->check(world);
	}
	r = (int)write(report, world->failure, strlen(world->failure));
	_exit(r < 0);
}

static void give_maps(struct world *world, pid_t pid)
{
	struct error err = ERROR_INIT;
	char path[64];
	int r;

	snprintf(path, sizeof path, "%d/uid_map", (int)pid);
	r = procfs_write(world->proc, path, "0 100000 65536\n", &err);
	snprintf(path, sizeof path, "%d/gid_map", (int)pid);
	if (r == 0)
		r = procfs_write(world->proc, path, "0 100000 65536\n", &err);
	if (r < 0)
		snprintf(world->failure, sizeof world->failure, "%.900s", err.text);
}

static void open_and_clone(const struct row *row, struct world *world)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET |
			 (row->userns ? CLONE_NEWUSER | CLONE_NEWCGROUP : 0);
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_(rootfs_sources_close) struct rootfs_sources sources = ROOTFS_SOURCES_INIT;
	struct error err = ERROR_INIT;
	_cleanup_fd_ int pidfd = -1;
	int go[2], report[2], status;
	ssize_t n;
	pid_t pid;

	if (rootfs_open_sources(&world->plan, -1, arena, &sources, &err) < 0) {
		if (!row->error || !strstr(err.text, row->error))
			snprintf(world->failure, sizeof world->failure, "%.900s", err.text);
		return;
	}
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		abort();
	pid = process_clone(flags, -1, SIGCHLD, &pidfd);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &status, 1) < 0)
			abort();
		inside(row, world, &sources, report[1]);
	}
	close(report[1]);
	if (row->userns)
		give_maps(world, pid);
	close(go[1]);
	close(go[0]);
	n = read(report[0], world->failure, sizeof world->failure - 1);
	world->failure[n > 0 ? n : 0] = '\0';
	close(report[0]);
	expect(world, process_wait(pidfd, &status) == 0 && status == 0);
}

/* In a process with a private mount namespace: makes the little world on a tmpfs. */
static void run_row(const struct row *row, struct world *world)
{
	struct error err = ERROR_INIT;

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		abort();
	/* on a /tmp of our own: nothing of this is ever on the host */
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0755") < 0)
		abort();
	make_dir(BASE);
	if (mount("tmpfs", BASE, "tmpfs", 0, "mode=0755") < 0)
		abort();
	make_dir(ROOT);
	make_dir(HOST);
	make_dir(HOST "/canary");
	make_dir(HOST "/data");
	make_file(HOST "/canary/ptmx", "canary");
	make_file(HOST "/data/file", "data");
	make_dir(ROOT "/proc");
	make_dir(ROOT "/etc");
	make_file(ROOT "/etc/passwd", "root");
	world->proc = procfs_open(&err);
	world->plan.path = ROOT;
	world->plan.mount_ns = PLAN_NS_NEW;
	world->plan.host_propagation = MS_SLAVE;
	world->plan.in_userns = row->userns;
	world->plan.ops = world->ops;
	world->plan.finish = world->finish;
	row->prepare(world);
	if (row->userns &&
	    (chown(ROOT, 100000, 100000) < 0 || chown(ROOT "/etc", 100000, 100000) < 0))
		abort();
	open_and_clone(row, world);
	if (row->after)
		row->after(world);
}

static void run(void **state)
{
	const struct row *row = *state;
	struct world *world = calloc(1, sizeof *world);
	int report[2], status;
	char failure[1024];
	ssize_t n;
	pid_t pid;

	assert_non_null(world);
	if (geteuid() != 0) {
		print_message("SKIP %s: needs root\n", row->name);
		free(world);
		skip();
	}
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		run_row(row, world);
		n = write(report[1], world->failure, strlen(world->failure));
		_exit(n < 0);
	}
	close(report[1]);
	n = read(report[0], failure, sizeof failure - 1);
	failure[n > 0 ? n : 0] = '\0';
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(world);
	if (failure[0] || status != 0)
		fail_msg("%s: %s (status %d)", row->name, failure, status);
}

#define RO TARE_MOUNT_ATTR_RDONLY
#define SAFE (TARE_MOUNT_ATTR_NOSUID | TARE_MOUNT_ATTR_NODEV | TARE_MOUNT_ATTR_NOEXEC)

#include "test_rootfs_targets.h"

#include "test_rootfs_rows.h"

static void proc_paths(void **state)
{
	static const struct {
		const char *path;
		bool procfs;
		int result;
	} cases[] = {
		{ "/proc", false, -EPERM },
		{ "/proc", true, 1 },
		{ "/proc/", false, -EPERM },
		{ "/proc/self", false, -EPERM },
		{ "/proc/self", true, -EPERM },
		{ "/proc/cpuinfo", false, 1 },
		{ "/proc/net/dev", false, 1 },
		{ "/proc/net", false, -EPERM },
		{ "/proc//uptime", false, 1 },
		{ "/procedure", false, 0 },
		{ "/process/cpuinfo", false, 0 },
		{ "/", false, 0 },
		{ "/proc/sys/kernel/ns_last_pid", false, 1 },
		{ "/proc/sys/kernel", false, -EPERM },
		{ "/proc/sysrq-trigger", false, -EPERM },
	};
	struct error err = ERROR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(cases); i++) {
		struct target target = { .path = cases[i].path, .procfs = cases[i].procfs };

		assert_int_equal(target_check_proc(&target, &err), cases[i].result);
	}
}

int main(void)
{
	struct CMUnitTest tests[ELEMENTS_OF(rows) + 1] = { cmocka_unit_test(proc_paths) };
	size_t i;

	for (i = 0; i < ELEMENTS_OF(rows); i++)
		tests[i + 1] = (struct CMUnitTest){
			.name = rows[i].name,
			.test_func = run,
			.initial_state = (void *)(uintptr_t)&rows[i],
		};
	return _cmocka_run_group_tests("rootfs", tests, ELEMENTS_OF(tests), NULL, NULL);
}
