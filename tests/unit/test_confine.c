/* What a process may do, changed in children of the test and looked at there: identity and capability
 * sets as root, the module questions as anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/trace.h"
#include "confine/confine.h"
#include "kernel/procfs.h"

#define BIT(number) (UINT64_C(1) << (number))

static char warnings[8192];

static void keep_warning(void *data, enum trace_level level, const char *text)
{
	(void)data;
	if (level == TRACE_WARNING)
		snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings),
			 "%s\n", text);
}

/* One hexadecimal or decimal line of /proc/self/status. */
static unsigned long long status(const char *key, int base)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long value = ~0ULL;

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, base);
	if (file)
		fclose(file);
	return value;
}

/* Runs @act in a child; its return value must be 0. */
static void in_child(int (*act)(void))
{
	int state = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		trace_install(keep_warning, NULL, TRACE_WARNING);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &state, 0), pid);
	assert_true(WIFEXITED(state));
	assert_int_equal(WEXITSTATUS(state), 0);
}

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "%d: %s (%s) %s\n", __LINE__, #condition, err.text, \
				warnings);                                                  \
			return 1;                                                           \
		}                                                                           \
	} while (0)

static int becomes_a_user_with_capabilities(void)
{
	struct error err = ERROR_INIT;
	const uint64_t kept = BIT(CAP_CHOWN) | BIT(CAP_NET_BIND_SERVICE);
	const uint32_t groups[] = { 7, 8 };
	struct plan_process plan = {
		.uid = 1234,
		.gid = 2345,
		.n_groups = 2,
		.groups = groups,
		.capabilities = { .given = true,
				  .set = { [PLAN_CAP_BOUNDING] = kept,
					   [PLAN_CAP_EFFECTIVE] = kept,
					   [PLAN_CAP_INHERITABLE] = BIT(CAP_CHOWN),
					   [PLAN_CAP_PERMITTED] = kept,
					   [PLAN_CAP_AMBIENT] = kept } },
	};

	CHECK(confine_identity(&plan, true, &err) == 0);
	CHECK(getuid() == 1234 && geteuid() == 1234 && getgid() == 2345);
	CHECK(getgroups(0, NULL) == 2);
	/* everything is still in force until the last step */
	CHECK(status("CapEff", 16) == status("CapPrm", 16));
	CHECK(status("CapEff", 16) & BIT(CAP_SYS_ADMIN));
	CHECK(confine_capabilities(&plan.capabilities, &err) == 0);
	CHECK(status("CapBnd", 16) == kept);
	CHECK(status("CapEff", 16) == kept);
	CHECK(status("CapPrm", 16) == kept);
	CHECK(status("CapInh", 16) == BIT(CAP_CHOWN));
	CHECK(status("CapAmb", 16) == BIT(CAP_CHOWN));
	CHECK(strstr(warnings, "can't raise ambient capability CAP_NET_BIND_SERVICE: "));
	CHECK(!strstr(warnings, "ignoring"));
	return 0;
}

static int keeps_nothing_when_nothing_is_given(void)
{
	struct error err = ERROR_INIT;
	struct plan_process plan = { .uid = 0 };

	CHECK(confine_identity(&plan, true, &err) == 0);
	CHECK(confine_capabilities(&plan.capabilities, &err) == 0);
	CHECK(status("CapBnd", 16) == 0 && status("CapPrm", 16) == 0);
	CHECK(getgroups(0, NULL) == 0);
	CHECK(warnings[0] == '\0');
	return 0;
}

/* spec:112, spec:113 */
static int warns_of_what_it_lacks(void)
{
	static const char *const unknown[] = { "CAP_TELEPORT" };
	struct error err = ERROR_INIT;
	const uint64_t few = BIT(CAP_CHOWN) | BIT(CAP_SETPCAP) | BIT(CAP_SETUID) |
			     BIT(CAP_SETGID);
	struct plan_capabilities first = { .given = true };
	struct plan_process plan = { .capabilities = { .given = true } };
	int i;

	for (i = 0; i < PLAN_CAP_SETS; i++)
		first.set[i] = i == PLAN_CAP_AMBIENT ? 0 : few;
	CHECK(confine_capabilities(&first, &err) == 0);
	for (i = 0; i < PLAN_CAP_SETS; i++)
		plan.capabilities.set[i] = i == PLAN_CAP_AMBIENT
						   ? 0
						   : BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(63);
	plan.capabilities.n_unknown = 1;
	plan.capabilities.unknown = unknown;
	CHECK(confine_identity(&plan, true, &err) == 0);
	CHECK(confine_capabilities(&plan.capabilities, &err) == 0);
	CHECK(status("CapPrm", 16) == BIT(CAP_CHOWN));
	CHECK(strstr(warnings, "ignoring unknown or unavailable capabilities: "
			       "[CAP_TELEPORT CAP_KILL CAP_63]\n"));
	return 0;
}

static int forbids_new_privileges(void)
{
	struct error err = ERROR_INIT;

	CHECK(confine_no_new_privs(&err) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

static int joins_a_keyring_or_goes_on(void)
{
	struct error err = ERROR_INIT;

	CHECK(confine_keyring(NULL, &err) == 0);
	CHECK(confine_keyring("_ses.unit-test", &err) == 0);
	return 0;
}

static int refuses_labels_of_sleeping_modules(void)
{
	struct error err = ERROR_INIT;
	int proc = procfs_open(&err);

	CHECK(proc >= 0);
	CHECK(confine_apparmor(proc, NULL, &err) == 0);
	CHECK(confine_selinux(proc, "", &err) == 0);
	if (!confine_apparmor_enabled()) {
		CHECK(confine_apparmor(proc, "some-profile", &err) < 0);
		CHECK(strstr(err.text, "AppArmor is not enabled"));
	}
	if (!confine_selinux_enabled()) {
		CHECK(confine_selinux(proc, "a:b:c:d", &err) == -ENOTSUP);
		CHECK(strstr(err.text, "SELinux is not active"));
	}
	return 0;
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void user_and_capabilities(void **state)
{
	(void)state;
	needs_root();
	in_child(becomes_a_user_with_capabilities);
	in_child(keeps_nothing_when_nothing_is_given);
	in_child(warns_of_what_it_lacks);
}

static void no_new_privileges(void **state)
{
	(void)state;
	in_child(forbids_new_privileges);
}

static void keyring(void **state)
{
	(void)state;
	in_child(joins_a_keyring_or_goes_on);
}

static void labels(void **state)
{
	(void)state;
	in_child(refuses_labels_of_sleeping_modules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_and_capabilities),
		cmocka_unit_test(no_new_privileges),
		cmocka_unit_test(keyring),
		cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
