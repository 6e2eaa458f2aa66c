/* The parts of the systemd driver that need no systemd: the text of GVariants, the names of slices, lists as bit
 * masks, and the packets between tare and its helper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants those before itself */
#include <cmocka.h>

#include "base/cleanup.h"
#include "cgroup/unit.h"
#include "cgroup/unit_message.h"
#include "plan/gvariant.h"
#include "plan/unit.h"

/* The signature and the words, with spaces between them. */
static const struct {
	const char *text, *words;
} accepted[] = {
	{ "true", "b b1" },
	{ " false ", "b b0" },
	{ "5", "i i5" },
	{ "-5", "i i-5" },
	{ "+5", "i i5" },
	{ "0x1F", "i i31" },
	{ "-0", "i i0" },
	{ "-2147483648", "i i-2147483648" },
	{ "1.5", "d d1.5" },
	{ "1e3", "d d1000" },
	{ "double 3", "d d3" },
	{ "uint64 18446744073709551615", "t t18446744073709551615" },
	{ "int64 -9223372036854775808", "x x-9223372036854775808" },
	{ "@t 7", "t t7" },
	{ "byte 255", "y y255" },
	{ "int16 -1", "n n-1" },
	{ "uint16 1", "q q1" },
	{ "uint32 0", "u u0" },
	{ "'a b'", "s sa b" },
	{ "\"it's\"", "s sit's" },
	{ "'it\\'s\\n\\\\'", "s sit's\n\\" },
	{ "'\\u00e4\\U0001f600'", "s s\xc3\xa4\xf0\x9f\x98\x80" },
	{ "''", "s s" },
	{ "objectpath '/a'", "o o/a" },
	{ "signature 'a{sv}'", "g ga{sv}" },
	{ "b'ab'", "ay ay y97 y98 y0 ]" },
	{ "b'\\101'", "ay ay y65 y0 ]" },
	{ "['a', 'b']", "as as sa sb ]" },
	{ "@as []", "as as ]" },
	{ "@at [1, 2]", "at at t1 t2 ]" },
	{ "[byte 1, 2]", "ay ay y1 y2 ]" },
	{ "[uint32 1]", "au au u1 ]" },
	{ "('a', 1)", "(si) (si sa i1 )" },
	{ "('a',)", "(s) (s sa )" },
	{ "('a', 1,)", "(si) (si sa i1 )" },
	{ "[('/dev/sda', uint64 5)]", "a(st) a(st) (st s/dev/sda t5 ) ]" },
	{ "@a(st) [('/dev/sda', 5)]", "a(st) a(st) (st s/dev/sda t5 ) ]" },
	{ "{'a': 1}", "a{si} a{si} {si sa i1 } ]" },
	{ "@a{sv} {'a': <1>, 'b': <'x'>}", "a{sv} a{sv} {sv sa vi i1 > } {sv sb vs sx > } ]" },
	{ "<uint64 5>", "v vt t5 >" },
	{ "[[1], [2]]", "aai aai ai i1 ] ai i2 ] ]" },
};

static const char *const refused[] = {
	"",
	" ",
	"x",
	"True",
	"5 5",
	"2147483648",
	"-2147483649",
	"byte 256",
	"byte -1",
	"uint64 -1",
	"uint64 18446744073709551616",
	"int64 -9223372036854775809",
	"0x",
	"1.5.5",
	"--5",
	"double 0x10",
	"double nan",
	"'a",
	"\"a'",
	"'\\u12'",
	"'\\u0000'",
	"'\\ud800'",
	"'\\U00110000'",
	"b'\\0'",
	"[]",
	"{}",
	"()",
	"(1)",
	"[1,]",
	"[1, 'a']",
	"[1 2]",
	"[1",
	"{'a'}",
	"{'a': 1, 'b': 'c'}",
	"{[1]: 1}",
	"<>",
	"<1",
	"@mi 1",
	"@(s 'a'",
	"@{sv} {'a': <1>}",
	"@as ['a', 1]",
	"@s 5",
	"uint64 'a'",
	"uint32 uint32 5",
	"just 5",
	"nothing",
	"@a{sv} []",
	"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
	"@aaaaaaaaaaaaaaaaaaaaaaaai []",
};

static void test_gvariant(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(accepted); i++) {
		_cleanup_arena_ struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct gvariant value;
		const char *words;

		if (gvariant_parse(accepted[i].text, arena, &value, &err) < 0)
			fail_msg("%s: %s", accepted[i].text, err.text);
		words = value.signature;
		for (j = 0; j < value.n_words; j++)
			words = arena_printf(arena, "%s %s", words, value.words[j]);
		assert_string_equal(words, accepted[i].words);
	}
	for (i = 0; i < ELEMENTS_OF(refused); i++) {
		_cleanup_arena_ struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct gvariant value;

		if (gvariant_parse(refused[i], arena, &value, &err) >= 0)
			fail_msg("accepted: %s", refused[i]);
		assert_int_not_equal(err.code, 0);
	}
}

static void test_slices(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(plan_slice_path("a.slice", arena), "/a.slice");
	assert_string_equal(plan_slice_path("a-b.slice", arena), "/a.slice/a-b.slice");
	assert_string_equal(plan_slice_path("kubepods-burstable-pod1.slice", arena),
			    "/kubepods.slice/kubepods-burstable.slice/"
			    "kubepods-burstable-pod1.slice");
	assert_string_equal(plan_slice_path("-.slice", arena), "/");
}

static void test_lists(void **state)
{
	unsigned char mask[PLAN_LIST_MAX / 8] = { 0 };

	(void)state;
	assert_int_equal(plan_parse_list("0-3,7", mask), 1);
	assert_int_equal(mask[0], 0x8f);
	memset(mask, 0, sizeof mask);
	assert_int_equal(plan_parse_list("8", mask), 2);
	assert_int_equal(mask[0], 0);
	assert_int_equal(mask[1], 1);
	memset(mask, 0, sizeof mask);
	assert_int_equal(plan_parse_list("", mask), 0);
	assert_int_equal(plan_parse_list("0", mask), 1);
	memset(mask, 0, sizeof mask);
	assert_int_equal(plan_parse_list("8191", mask), 1024);
	assert_true(plan_parse_list("8192", mask) < 0);
	assert_true(plan_parse_list("3-1", mask) < 0);
	assert_true(plan_parse_list("1-", mask) < 0);
	assert_true(plan_parse_list("a", mask) < 0);
	assert_true(plan_parse_list("1-18446744073709551615", mask) < 0);
}

static void test_messages(void **state)
{
	_cleanup_packet_ struct packet message = { 0 };
	struct packet_words words;
	size_t i;

	(void)state;
	packet_add(&message, 0, "start");
	packet_add(&message, '+', "PIDs");
	packet_add(&message, 0, "");
	assert_int_equal(message.error, 0);
	assert_memory_equal(message.data, "start\0+PIDs\0", 13);
	assert_true(packet_open(&words, message.data, message.length));
	assert_string_equal(packet_next(&words), "start");
	assert_string_equal(packet_next(&words), "+PIDs");
	assert_string_equal(packet_next(&words), "");
	assert_null(packet_next(&words));
	assert_null(packet_next(&words));
	/* not ended, empty, too long */
	assert_false(packet_open(&words, "start", 5));
	assert_false(packet_open(&words, "", 0));
	for (i = 0; i < PACKET_MAX / 8 + 1; i++)
		packet_add(&message, 0, "1234567");
	assert_int_equal(message.error, -E2BIG);
	assert_true(message.length <= PACKET_MAX);
}

static int answer(const char *data, size_t length, const char **ret_text)
{
	struct packet_words words;

	assert_true(packet_open(&words, data, length));
	return packet_answer(&words, ret_text);
}

static void test_answers(void **state)
{
	const char *text = NULL;

	(void)state;
	assert_int_equal(answer("ok", 3, &text), 0);
	assert_int_equal(answer("error\0"
				"17\0there",
				15, &text),
			 -17);
	assert_string_equal(text, "there");
	assert_int_equal(answer("ok\0more", 8, &text), -EBADMSG);
	assert_int_equal(answer("error\0"
				"17",
				9, &text),
			 -EBADMSG);
	assert_int_equal(answer("error\0"
				"0\0text",
				13, &text),
			 -EBADMSG);
	assert_int_equal(answer("error\0"
				"-1\0text",
				14, &text),
			 -EBADMSG);
	assert_int_equal(answer("error\0"
				"99999\0text",
				17, &text),
			 -EBADMSG);
	assert_int_equal(answer("error\0"
				"17\0text\0",
				15, &text),
			 -EBADMSG);
	assert_int_equal(answer("what", 5, &text), -EBADMSG);
}

#define USER "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service"

/* Which unit a cgroup is in, and where below it. */
static const struct {
	const char *path, *unit, *below;
} seats[] = {
	{ USER "/tare.slice/tare-test.slice/tare-a.scope", "tare-a.scope", "" },
	{ USER "/app.slice/run-1.scope/a/b", "run-1.scope", "/a/b" },
	{ USER "/app.slice/x.service/y.service", "x.service", "/y.service" },
	{ USER "/_cgroup.scope/a", "cgroup.scope", "/a" },
	{ USER "/a/b.scope", NULL, NULL },
	{ USER "/app.slice", NULL, NULL },
	{ USER, NULL, NULL },
	{ USER "/.scope", NULL, NULL },
	{ "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope/a", NULL, NULL },
	{ "/sys/fs/cgroup/system.slice/docker-1.scope", NULL, NULL },
	{ "/sys/fs/cgroup/user@x/user@1000.service/b.scope/c", "b.scope", "/c" },
};

static void test_seats(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct unit_seat seat;
	size_t i;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(seats); i++) {
		assert_int_equal(unit_find_seat(seats[i].path, arena, &seat, &err), 0);
		if (!seats[i].unit) {
			assert_null(seat.unit);
			continue;
		}
		assert_non_null(seat.unit);
		assert_string_equal(seat.unit, seats[i].unit);
		assert_string_equal(seat.below, seats[i].below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gvariant), cmocka_unit_test(test_slices),
		cmocka_unit_test(test_lists),	 cmocka_unit_test(test_messages),
		cmocka_unit_test(test_answers),	 cmocka_unit_test(test_seats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
