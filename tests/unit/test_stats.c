/* The texts in which the kernel gives its figures: pressure, memory.stat, io.stat, lists of processors, and
 * /proc/PID/net/dev; each as real kernels write it, and broken. And what events says of a cgroup that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cgroup/stats.h"
#include "process/interfaces.h"

static void test_pressure(void **state)
{
	struct cgroup_pressure pressure;

	(void)state;
	cgroup_parse_pressure("some avg10=19.42 avg60=3.06 avg300=100.00 total=3489493\n"
			      "full avg10=0.00 avg60=0.10 avg300=0.71 total=3278889",
			      &pressure);
	assert_true(pressure.some.set && pressure.full.set);
	assert_string_equal(pressure.some.avg10, "19.42");
	assert_string_equal(pressure.some.avg300, "100.00");
	assert_int_equal(pressure.some.total, 3489493);
	assert_string_equal(pressure.full.avg60, "0.10");
	assert_int_equal(pressure.full.total, 3278889);

	/* processors below Linux 5.13 have no "full"; a line that is none leaves it unset */
	cgroup_parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1", &pressure);
	assert_true(pressure.some.set && !pressure.full.set);
	cgroup_parse_pressure("some avg10=007 avg60=0.00 avg300=0.00 total=1\n"
			      "full avg10=1. avg60=0.00 avg300=0.00 total=1",
			      &pressure);
	assert_false(pressure.some.set || pressure.full.set);
	cgroup_parse_pressure("", &pressure);
	assert_false(pressure.some.set || pressure.full.set);
}

static void test_flat(void **state)
{
	struct arena *arena = arena_new();
	const struct cgroup_entry *entries;
	size_t count;

	(void)state;
	assert_int_equal(
		cgroup_parse_flat("anon 147456\nfile 18446744073709551615\n\nodd\nx y\n"
				  " 3\nlast 0",
				  arena, &entries, &count),
		0);
	assert_int_equal(count, 3);
	assert_string_equal(entries[0].key, "anon");
	assert_int_equal(entries[0].value, 147456);
	assert_true(entries[1].value == UINT64_MAX);
	assert_string_equal(entries[2].key, "last");
	arena_free(arena);
}

static void test_io(void **state)
{
	struct arena *arena = arena_new();
	const struct cgroup_device_stats *devices;
	size_t count;

	(void)state;
	/* the second line is as Linux 6.1 writes it; the last device has no figures */
	assert_int_equal(
		cgroup_parse_io("259:0 rbytes=49152 wbytes=5242880 rios=1 wios=11 dbytes=7 "
				"dios=2\n7:1 7:0 8:16 rbytes=1 wbytes=2 rios=3 wios=4 "
				"dbytes=5 dios=6 cost.usage=9\n8:32 \n8:48",
				arena, &devices, &count),
		0);
	assert_int_equal(count, 3);
	assert_int_equal(devices[0].major, 259);
	assert_int_equal(devices[0].read_bytes, 49152);
	assert_int_equal(devices[0].written_bytes, 5242880);
	assert_int_equal(devices[0].reads, 1);
	assert_int_equal(devices[0].writes, 11);
	assert_int_equal(devices[0].discarded_bytes, 7);
	assert_int_equal(devices[0].discards, 2);
	assert_int_equal(devices[1].major, 8);
	assert_int_equal(devices[1].minor, 16);
	assert_int_equal(devices[1].discards, 6);
	assert_int_equal(devices[2].minor, 32);
	assert_int_equal(devices[2].read_bytes, 0);
	arena_free(arena);
}

static void check_list(const char *text, int r, size_t count, uint32_t last)
{
	struct arena *arena = arena_new();
	uint32_t *ids = NULL;
	size_t n = 0;

	assert_int_equal(cgroup_parse_list(text, arena, &ids, &n), r);
	if (r == 0) {
		assert_int_equal(n, count);
		assert_true(count == 0 || ids[n - 1] == last);
	}
	arena_free(arena);
}

static void test_list(void **state)
{
	static const char *const broken[] = {
		"a",   "1-", "-1",    "1,",  ",1",  "1,,2",  "3-1",
		"1 2", "1;", "1-2-3", "2,1", "1,1", "65536", "99999999999999999999"
	};
	size_t i;

	(void)state;
	check_list("", 0, 0, 0);
	check_list("0", 0, 1, 0);
	check_list("0-3,7", 0, 5, 7);
	check_list("1,3,5-6", 0, 4, 6);
	check_list("0-65535", 0, 65536, 65535);
	for (i = 0; i < sizeof broken / sizeof broken[0]; i++)
		check_list(broken[i], -EINVAL, 0, 0);
}

static void test_interfaces(void **state)
{
	struct arena *arena = arena_new();
	struct interface_list list;

	(void)state;
	assert_int_equal(
		interfaces_parse(
			"Inter-|   Receive                                 |  Transmit\n"
			" face |bytes    packets errs drop fifo frame compressed "
			"multicast|bytes    packets errs drop fifo colls carrier "
			"compressed\n"
			"    lo:  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
			"eth0.1:100 200 300 400 5 6 7 8 900 1000 1100 1200 1 2 3 4\n"
			"short: 1 2 3\n: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
			arena, &list),
		0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.of[0].name, "lo");
	assert_int_equal(list.of[0].rx_dropped, 4);
	assert_int_equal(list.of[0].tx_bytes, 9);
	assert_string_equal(list.of[1].name, "eth0.1");
	assert_int_equal(list.of[1].rx_bytes, 100);
	assert_int_equal(list.of[1].rx_packets, 200);
	assert_int_equal(list.of[1].rx_errors, 300);
	assert_int_equal(list.of[1].tx_packets, 1000);
	assert_int_equal(list.of[1].tx_errors, 1100);
	assert_int_equal(list.of[1].tx_dropped, 1200);
	arena_free(arena);
}

static int read_answer(const char *data, size_t length, struct arena *arena,
		       struct interface_list *ret_list)
{
	struct error err = ERROR_INIT;

	return interfaces_read_answer(data, length, arena, ret_list, &err);
}

static void test_answer(void **state)
{
	static const char good[] = "counters\0lo\0001\0002\0003\0004\0005\0006\0007\0008\0e:\0"
				   "18446744073709551615\0000\0000\0000\0000\0000\0000\0009";
	static const char few[] = "counters\0lo\0001\0002\0003\0004\0005\0006\0007";
	static const char word[] = "counters\0lo\0001\0002\0003\0004\0005\0006\0007\0x";
	static const char large[] = "counters\0lo\0001\0002\0003\0004\0005\0006\0007\000"
				    "18446744073709551616";
	static const char refused[] = "error\0001\0no";
	struct arena *arena = arena_new();
	struct interface_list list;

	(void)state;
	assert_int_equal(read_answer(good, sizeof good, arena, &list), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.of[0].name, "lo");
	assert_int_equal(list.of[0].rx_bytes, 1);
	assert_int_equal(list.of[0].rx_dropped, 4);
	assert_int_equal(list.of[0].tx_bytes, 5);
	assert_int_equal(list.of[0].tx_dropped, 8);
	assert_string_equal(list.of[1].name, "e:");
	assert_true(list.of[1].rx_bytes == UINT64_MAX);
	assert_int_equal(read_answer("counters", 9, arena, &list), 0);
	assert_int_equal(list.count, 0);
	assert_int_equal(read_answer(refused, sizeof refused, arena, &list), -1);
	assert_int_equal(read_answer(few, sizeof few, arena, &list), -EBADMSG);
	assert_int_equal(read_answer(word, sizeof word, arena, &list), -EBADMSG);
	assert_int_equal(read_answer(large, sizeof large, arena, &list), -EBADMSG);
	assert_int_equal(read_answer("ok", 3, arena, &list), -EBADMSG);
	assert_int_equal(read_answer("counters", 8, arena, &list), -EBADMSG);
	arena_free(arena);
}

/* A directory without files is what is left in the hand of who has opened a cgroup that then goes. */
static void test_watch_of_nothing(void **state)
{
	struct cgroup_watch watch = CGROUP_WATCH_INIT;
	struct error err = ERROR_INIT;
	char path[] = "/tmp/tare-cgroup-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_int_equal(cgroup_watch_open(path, &watch, &err), -ESRCH);
	assert_int_equal(watch.events, -1);
	rmdir(path);
	err = ERROR_INIT;
	assert_int_equal(cgroup_watch_open(path, &watch, &err), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_watch_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
