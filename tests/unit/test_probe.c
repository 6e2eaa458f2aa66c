/* The probes of the kernel's features: they leave nothing behind and can be switched off. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/probe.h"

static const char every_switch[] = "-overlay_append,-overlay_fd,-detached,-pidns_option,"
				   "-open_tree_ns,-pidfs_id";

static void count(void *data, const char *name, bool value)
{
	(void)name;
	*(int *)data += value;
}

static void print(void *data, const char *name, bool value)
{
	(void)data;
	printf("%s: %s\n", name, value ? "yes" : "no");
}

static int lowest_free_descriptor(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	close(fd);
	return fd;
}

static void probing_leaves_no_descriptor(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_caps caps;
	int before = lowest_free_descriptor();

	(void)state;
	assert_int_equal(probe_kernel(PROBE_ALL, &caps, &err), 0);
	assert_int_equal(lowest_free_descriptor(), before);
	probe_each(&caps, print, NULL);
}

/* Whoever has the newer of two features that came one after the other also has the older one. */
static void features_come_in_order(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_caps caps;

	(void)state;
	assert_int_equal(probe_kernel(PROBE_ALL, &caps, &err), 0);
	assert_true(!caps.overlay_fd || caps.overlay_append);
	assert_true(!caps.detached || caps.pidfs_id);
	assert_true(!caps.open_tree_ns || (caps.detached && caps.pidns_option));
}

static void unwished_stays_false(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_caps caps;

	(void)state;
	memset(&caps, 1, sizeof caps);
	assert_int_equal(probe_kernel(0, &caps, &err), 0);
	assert_false(caps.overlay_append || caps.overlay_fd);
	assert_false(caps.detached || caps.pidns_option || caps.open_tree_ns);
}

static void switches_turn_features_off(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_caps caps;
	int on = 0;

	(void)state;
	memset(&caps, 1, sizeof caps);
	assert_int_equal(probe_switch_off(&caps, "", &err), 0);
	probe_each(&caps, count, &on);
	assert_int_equal(on, 6);
	assert_int_equal(probe_switch_off(&caps, "-detached,-pidfs_id", &err), 0);
	assert_false(caps.detached || caps.pidfs_id);
	assert_true(caps.overlay_fd);
	assert_int_equal(probe_switch_off(&caps, every_switch, &err), 0);
	on = 0;
	probe_each(&caps, count, &on);
	assert_int_equal(on, 0);
}

static void unknown_switches_are_refused(void **state)
{
	static const char *const wrong[] = {
		"detached", "-detache", "-detachedx",	 "-", "+detached", "-detached,-x",
		",",	    "none",	"+open_tree_ns",
	};
	struct error err = ERROR_INIT;
	struct kernel_caps caps = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_true(probe_switch_off(&caps, wrong[i], &err) < 0);
		assert_non_null(strstr(err.text, "is not \"-\" and the name"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probing_leaves_no_descriptor),
		cmocka_unit_test(features_come_in_order),
		cmocka_unit_test(unwished_stays_false),
		cmocka_unit_test(switches_turn_features_off),
		cmocka_unit_test(unknown_switches_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
