/* The error record: where in front of what, cut when too long, never overflowing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"

static void says_where_in_front_of_what(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_errno(&err, EPERM, "mount %s", "proc"), -EPERM);
	assert_int_equal(error_at(&err, "mounts[%d]", 3), -EPERM);
	assert_string_equal(err.text, "mounts[3]: mount proc: operation not permitted");
	error_hint(&err, " (hint)");
	assert_string_equal(err.text, "mounts[3]: mount proc: operation not permitted (hint)");
}

static void adds_nothing_to_success(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_at(&err, "nowhere"), 0);
	assert_string_equal(err.text, "");
}

static void cuts_what_is_too_long(void **state)
{
	struct error err = ERROR_INIT;
	int i;

	(void)state;
	error_set(&err, EINVAL, "the cause");
	for (i = 0; i < 1000; i++)
		error_at(&err, "level %d", i);
	assert_true(strlen(err.text) < ERROR_TEXT_MAX);
	assert_int_equal(err.code, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_in_front_of_what),
		cmocka_unit_test(adds_nothing_to_success),
		cmocka_unit_test(cuts_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
