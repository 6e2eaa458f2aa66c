/* The device filter as the kernel runs it, against the rules: random rules are compiled, loaded and attached to a
 * cgroup, and a process in there is asked about every device that they can name. BPF_PROG_TEST_RUN does not know
 * programs of this type, so the kernel is asked as the container asks it: by access(2), which consults the filter
 * without waking a driver, and mknod(2). Root and a cgroup2 are needed.
 *
 * TARE_SEED repeats a run, TARE_ROUNDS makes it longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup/cgroup.h"
#include "cgroup/device_filter.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/uapi.h"

#define ROUNDS 150
#define RULES_MAX 12
#define MAJORS 3 /* from FIRST on */
#define MINORS 3 /* from 0 on */
#define FIRST 4000 /* of major numbers that no driver has */

struct fixture {
	struct arena *arena;
	int proc;
	const char *base; /* the cgroup; NULL: none can be made */
	struct cgroup cgroup;
	char nodes[64]; /* a directory with a node of each device */
	struct error err;
};

static void make_nodes(struct fixture *f)
{
	char path[128];
	unsigned i;

	snprintf(f->nodes, sizeof f->nodes, "/tmp/tare-devices-XXXXXX");
	assert_non_null(mkdtemp(f->nodes));
	for (i = 0; i < 2 * MAJORS * MINORS; i++) {
		snprintf(path, sizeof path, "%s/%u", f->nodes, i);
		if (mknod(path, (i % 2 ? S_IFBLK : S_IFCHR) | 0600,
			  makedev(FIRST + i / 2 % MAJORS, i / 2 / MAJORS)) < 0)
			f->base = NULL;
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct plan_cgroup plan = { .id = "devices", .filter_devices = true };
	char name[64];

	f->err = ERROR_INIT;
	f->arena = arena_new();
	f->proc = procfs_open(&f->err);
	f->cgroup = CGROUP_INIT;
	snprintf(name, sizeof name, "/tare-devices-%d", (int)getpid());
	plan.path = name;
	if (geteuid() != 0 || cgroup_locate(&plan, f->proc, f->arena, &f->base, &f->err) < 0 ||
	    !f->base || cgroup_create(&plan, f->base, &f->cgroup, &f->err) < 0)
		f->base = NULL;
	if (f->base)
		make_nodes(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[128];
	unsigned i;

	f->err = ERROR_INIT;
	for (i = 0; f->nodes[0] && i < 2 * MAJORS * MINORS; i++) {
		snprintf(path, sizeof path, "%s/%u", f->nodes, i);
		unlink(path);
	}
	if (f->nodes[0])
		rmdir(f->nodes);
	if (f->cgroup.fd >= 0 && cgroup_destroy(f->cgroup.path, true, &f->err) < 0)
		fprintf(stderr, "%s\n", f->err.text);
	cgroup_close(&f->cgroup);
	close(f->proc);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* What the rules mean: the last one that names the device and the access decides on it. */
static bool interpret(const struct plan_device_rule *rules, size_t n, char type, int major,
		      int minor, uint8_t asked)
{
	uint8_t access;
	size_t i;

	for (access = 1; access <= PLAN_ACCESS_MKNOD; access <<= 1) {
		bool allowed = false;

		for (i = 0; i < n; i++)
			if ((rules[i].type == 'a' || rules[i].type == type) &&
			    (rules[i].major < 0 || rules[i].major == major) &&
			    (rules[i].minor < 0 || rules[i].minor == minor) &&
			    (rules[i].access & access))
				allowed = rules[i].allow;
		if ((asked & access) && !allowed)
			return false;
	}
	return true;
}

/* What the kernel says. -1: something else than the filter answered. */
static int ask_kernel(const struct fixture *f, unsigned device, uint8_t asked)
{
	char path[128];
	int r;

	if (asked == PLAN_ACCESS_MKNOD) {
		snprintf(path, sizeof path, "%s/new", f->nodes);
		r = mknod(path, (device % 2 ? S_IFBLK : S_IFCHR) | 0600,
			  makedev(FIRST + device / 2 % MAJORS, device / 2 / MAJORS));
		if (r == 0)
			unlink(path);
	} else {
		snprintf(path, sizeof path, "%s/%u", f->nodes, device);
		r = faccessat(AT_FDCWD, path,
			      (asked & PLAN_ACCESS_READ ? R_OK : 0) |
				      (asked & PLAN_ACCESS_WRITE ? W_OK : 0),
			      AT_EACCESS);
	}
	if (r == 0)
		return 1;
	return errno == EPERM ? 0 : -1;
}

/* In the cgroup: 0, or 1 and the first difference on the standard error. */
static int compare(const struct fixture *f, const struct plan_device_rule *rules, size_t n)
{
	static const uint8_t requests[] = { PLAN_ACCESS_READ, PLAN_ACCESS_WRITE,
					    PLAN_ACCESS_READ | PLAN_ACCESS_WRITE,
					    PLAN_ACCESS_MKNOD };
	unsigned device, i;
	int expected, said;

	for (device = 0; device < 2 * MAJORS * MINORS; device++) {
		for (i = 0; i < ELEMENTS_OF(requests); i++) {
			expected = interpret(rules, n, device % 2 ? 'b' : 'c',
					     FIRST + (int)(device / 2 % MAJORS),
					     (int)(device / 2 / MAJORS), requests[i]);
			said = ask_kernel(f, device, requests[i]);
			if (said == expected)
				continue;
			fprintf(stderr, "%c %u:%u access %u: %d expected, the kernel says %d\n",
				device % 2 ? 'b' : 'c', FIRST + device / 2 % MAJORS,
				device / 2 / MAJORS, requests[i], expected, said);
			return 1;
		}
	}
	return 0;
}

static size_t random_rules(struct plan_device_rule *rules)
{
	size_t n = 1 + (size_t)rand() % RULES_MAX, i;

	for (i = 0; i < n; i++)
		rules[i] = (struct plan_device_rule){
			.allow = rand() % 2,
			.type = "accbb"[rand() % 5],
			.major = rand() % 4 ? FIRST + rand() % MAJORS : -1,
			.minor = rand() % 3 ? rand() % MINORS : -1,
			.access = (uint8_t)(rand() % 2 ? 7 : 1 + rand() % 7),
		};
	return n;
}

static int ask_inside(const struct fixture *f, const struct plan_device_rule *rules, size_t n)
{
	int pidfd = -1, status = -1;
	pid_t pid = process_clone(TARE_CLONE_INTO_CGROUP, f->cgroup.fd, SIGCHLD, &pidfd);

	if (pid == 0)
		_exit(compare(f, rules, n));
	assert_true(pid > 0);
	assert_int_equal(process_wait(pidfd, &status), 0);
	close(pidfd);
	return status;
}

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static int replace(struct fixture *f, const struct plan_device_rule *rules, size_t n)
{
	_cleanup_fd_ int program = device_filter_load(rules, n, &f->err);

	return program < 0 ? program : device_filter_replace(f->cgroup.fd, program, &f->err);
}

/* spec:192 */
static void runs_what_the_rules_say(void **state)
{
	unsigned seed = number_from("TARE_SEED", (unsigned)time(NULL)), round;
	unsigned rounds = number_from("TARE_ROUNDS", ROUNDS);
	struct plan_device_rule rules[RULES_MAX];
	struct fixture *f = *state;
	size_t n;

	if (!f->base)
		skip();
	printf("TARE_SEED=%u, %u rounds of %u requests\n", seed, rounds,
	       2 * MAJORS * MINORS * 4);
	srand(seed);
	for (round = 0; round < rounds; round++) {
		n = random_rules(rules);
		if (replace(f, rules, n) < 0)
			fail_msg("round %u: %s", round, f->err.text);
		if (ask_inside(f, rules, n) != 0)
			fail_msg("round %u of TARE_SEED=%u", round, seed);
	}
}

/* The verifier takes lists of any sensible length. */
static void loads_many_rules(void **state)
{
	enum { MANY = 5000 };
	struct plan_device_rule *rules;
	struct fixture *f = *state;
	int i;

	if (!f->base)
		skip();
	rules = calloc(MANY, sizeof *rules);
	for (i = 0; i < MANY; i++)
		rules[i] = (struct plan_device_rule){
			.allow = i % 3 != 0,
			.type = i % 2 ? 'c' : 'b',
			.major = FIRST + i / 100,
			.minor = i % 7 ? i % 100 : -1,
			.access = (uint8_t)(1 + i % 7),
		};
	if (replace(f, rules, MANY) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(ask_inside(f, rules, MANY), 0);
	free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runs_what_the_rules_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_many_rules, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
