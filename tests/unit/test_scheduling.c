/* Lists of processors and nodes into bits, and the binding of a process to processors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/bitlist.h"
#include "base/cleanup.h"
#include "process/scheduling.h"

#define COUNT 128

static void lists_become_bits(void **state)
{
	static const struct {
		const char *list;
		int result;
		unsigned long low; /* the first word */
	} rows[] = {
		{ "", 0, 0 },
		{ "  ", 0, 0 },
		{ "0", 1, 1 },
		{ "0-3,7", 5, 0x8f },
		{ "2,1", 2, 6 },
		{ "1-2,2-3", 3, 0xe },
		{ " 0 - 1 , 3", 3, 11 },
		{ "127", 1, 0 },
		{ "128", -ERANGE, 0 },
		{ "3-1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1,", -EINVAL, 0 },
		{ "1 2", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "0-99999999999999999999", -ERANGE, 0 },
	};
	unsigned long bits[COUNT / BITLIST_WORD];
	size_t i;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(rows); i++) {
		memset(bits, 0xff, sizeof bits);
		assert_int_equal(bitlist_parse(rows[i].list, bits, COUNT), rows[i].result);
		if (rows[i].result >= 0)
			assert_int_equal(bits[0], rows[i].low);
	}
	assert_int_equal(bitlist_parse("127", bits, COUNT), 1);
	assert_true(bits[COUNT / BITLIST_WORD - 1] == 1UL << (BITLIST_WORD - 1));
}

static void processors_are_bound(void **state)
{
	struct error err = ERROR_INIT;
	cpu_set_t before, now;
	char list[16];
	int first;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	for (first = 0; !CPU_ISSET(first, &before); first++)
		;
	snprintf(list, sizeof list, "%d", first);
	assert_int_equal(scheduling_set_processors(0, list, "final", &err), 0);
	assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
	assert_int_equal(CPU_COUNT(&now), 1);
	assert_true(CPU_ISSET(first, &now));
	/* nothing is said: nothing changes */
	assert_int_equal(scheduling_set_processors(0, NULL, "final", &err), 0);
	assert_int_equal(scheduling_set_processors(0, " ", "final", &err), 0);
	assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
	assert_int_equal(CPU_COUNT(&now), 1);
	assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void processors_that_are_not_there(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(scheduling_set_processors(0, "8191", "initial", &err), -EINVAL);
	assert_non_null(
		strstr(err.text, "process.execCPUAffinity.initial: sched_setaffinity to 8191"));
	assert_int_equal(scheduling_set_processors(0, "8192", "initial", &err), -ERANGE);
	assert_int_equal(scheduling_set_processors(0, "x", "initial", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_become_bits),
		cmocka_unit_test(processors_are_bound),
		cmocka_unit_test(processors_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
