/* The calendar: each day of 800 years against the C library's, and the times of day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/utc.h"

static void is_the_librarys_calendar(void **state)
{
	char text[UTC_TEXT_SIZE], expected[UTC_TEXT_SIZE];
	time_t day, seconds;
	struct tm parts;

	(void)state;
	for (day = 0; day < 2 * 146097; day++) {
		seconds = day * 86400 + (day * 7919) % 86400;
		gmtime_r(&seconds, &parts);
		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts);
		utc_text(seconds, text);
		assert_string_equal(text, expected);
	}
}

static void knows_its_ends(void **state)
{
	char text[UTC_TEXT_SIZE];

	(void)state;
	utc_text(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00");
	utc_text(253402300799, text);
	assert_string_equal(text, "9999-12-31T23:59:59");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_librarys_calendar),
		cmocka_unit_test(knows_its_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
