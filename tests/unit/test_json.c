/* JSON in and out: what is refused (spec:2, spec:3, and R-PARSE's limits), numbers, the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

static int parse(const char *text, size_t length, struct error *err)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct json_value *value = NULL;

	*err = ERROR_INIT;
	return json_parse(text, length, "config.json", arena, &value, err);
}

static void assert_refused(const char *text, const char *message)
{
	struct error err;

	if (parse(text, strlen(text), &err) != -EINVAL || !strstr(err.text, message))
		fail_msg("%s: \"%s\" lacks \"%s\"", text, err.text, message);
}

static void refuses_what_is_no_json(void **state)
{
	(void)state;
	assert_refused("", "premature EOF");
	assert_refused("{", "premature EOF");
	assert_refused("{} x", "config.json: line 1, column");
	assert_refused("{} {}", "trailing garbage");
	assert_refused("[1,]", "config.json: line 1, column");
	assert_refused("// comment\n{}", "config.json: line 1, column");
	assert_refused("{'a': 1}", "lexical error");
	assert_refused("[01]", "config.json: line 1");
	assert_refused("\"a\nb\"", "invalid character");
	assert_refused("[\n  1,\n  nul\n]", "config.json: line 3, column 6:");
}

static void refuses_bad_utf8(void **state)
{
	/* spec:2; overlong, surrogate, beyond U+10FFFF, cut, stray continuation */
	static const char *const bad[] = { "\"\xc0\x80\"",     "\"\xe0\x80\xaf\"",
					   "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
					   "\"\xe2\x82\"",     "\"\x80\"",
					   "\"\xff\"" };
	size_t i;

	(void)state;
	for (i = 0; i < ELEMENTS_OF(bad); i++)
		assert_refused(bad[i], "line 1, column 2: not valid UTF-8");
	assert_refused("[\"\xc3\xa9\xc3\xa9\", \"\xff\"]", "line 1, column 9: not valid");
}

static void refuses_nul_and_half_surrogates(void **state)
{
	struct error err;

	(void)state;
	assert_refused("\"a\\u0000b\"", "line 1, column 3: a string contains a NUL character");
	assert_refused("{\"a\\u0000\": 1}", "a string contains a NUL character");
	assert_refused("\"\\ud800\"", "half a surrogate pair");
	assert_refused("\"\\ud800\\u0041\"", "half a surrogate pair");
	assert_refused("\"\\udc00\"", "half a surrogate pair");
	assert_int_equal(parse("\"\\\\u0000\"", 9, &err), 0); /* an escaped backslash */
	assert_int_equal(parse("\"\\ud83d\\ude00\"", 14, &err), 0);
	assert_int_equal(parse("[1]\0", 4, &err), -EINVAL);
}

static void refuses_duplicate_names(void **state)
{
	char text[4096] = "{";
	size_t i, length = 1;

	(void)state;
	/* spec:3 */
	assert_refused("{\"a\": 1,\n \"a\": 2}",
		       "line 2, column 9: the object that ends here has "
		       "the name \"a\" twice");
	assert_refused("{\"x\": {\"a\": 1, \"\\u0061\": 2}}", "the name \"a\" twice");
	for (i = 0; i < 100; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "\"k%zu\": 1,",
					   i);
	snprintf(text + length, sizeof text - length, "\"k50\": 1}");
	assert_refused(text, "the name \"k50\" twice");
}

static char *repeat(const char *piece, size_t count)
{
	size_t length = strlen(piece), i;
	char *text = malloc(length * count + 1);

	for (i = 0; i < count; i++)
		memcpy(text + i * length, piece, length);
	text[length * count] = '\0';
	return text;
}

static void keeps_to_its_limits(void **state)
{
	_cleanup_free_ char *deep = repeat("[", 100000);
	_cleanup_free_ char *long_ = repeat(" ", JSON_SIZE_MAX + 1);
	_cleanup_free_ char *many = repeat("[],", JSON_VALUES_MAX);
	char nested[2 * JSON_DEPTH_MAX + 3];
	struct error err;

	(void)state;
	assert_int_equal(parse(deep, 100000, &err), -EFBIG);
	assert_non_null(strstr(err.text, "column 65: nested too deeply"));
	assert_int_equal(parse(long_, JSON_SIZE_MAX + 1, &err), -EFBIG);
	assert_non_null(strstr(err.text, "larger than 16777216 bytes"));
	many[0] = '[';
	assert_int_equal(parse(many, strlen(many), &err), -EFBIG);
	assert_non_null(strstr(err.text, "too many values"));

	memset(nested, '[', JSON_DEPTH_MAX);
	memset(nested + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(parse(nested, 2 * JSON_DEPTH_MAX, &err), 0);
}

static void assert_int(const char *text, int result, int64_t expected)
{
	struct json_value value = { .type = JSON_NUMBER, .text = text };
	int64_t number = 0;

	if (json_int64(&value, &number) != result || number != expected)
		fail_msg("%s: %" PRId64, text, number);
}

static void assert_uint(const char *text, int result, uint64_t expected)
{
	struct json_value value = { .type = JSON_NUMBER, .text = text };
	uint64_t number = 0;

	if (json_uint64(&value, &number) != result || number != expected)
		fail_msg("%s: %" PRIu64, text, number);
}

static void reads_whole_numbers_exactly(void **state)
{
	struct json_value string = { .type = JSON_STRING, .text = "1" };
	int64_t number;

	(void)state;
	assert_int("0", 0, 0);
	assert_int("-0", 0, 0);
	assert_int("-1", 0, -1);
	assert_int("9007199254740993", 0, 9007199254740993);
	assert_int("9223372036854775807", 0, INT64_MAX);
	assert_int("9223372036854775808", -ERANGE, 0);
	assert_int("-9223372036854775808", 0, INT64_MIN);
	assert_int("-9223372036854775809", -ERANGE, 0);
	assert_int("1e3", 0, 1000);
	assert_int("2.0", 0, 2);
	assert_int("1.50e1", 0, 15);
	assert_int("1200e-2", 0, 12);
	assert_int("0e999999999999", 0, 0);
	assert_int("1.5", -EINVAL, 0);
	assert_int("1e-1", -EINVAL, 0);
	assert_int("1e30", -ERANGE, 0);
	assert_int("1e99999999999999999999", -ERANGE, 0);
	assert_int("123456789012345678901234567890", -ERANGE, 0);
	assert_int("0.0000000000000000000000000001e28", 0, 1);
	assert_int("1.000000000000000000000000000000", 0, 1);
	assert_uint("18446744073709551615", 0, UINT64_MAX);
	assert_uint("18446744073709551616", -ERANGE, 0);
	assert_uint("-1", -ERANGE, 0);
	assert_uint("10001", 0, 10001);
	assert_int_equal(json_int64(&string, &number), -EINVAL);
	assert_int_equal(json_int64(NULL, &number), -EINVAL);
}

static void builds_the_tree(void **state)
{
	static const char text[] = "{\"a\": [1, \"x\\n\\u00e9\", true, null], \"b\": {}}";
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct json_value *value, *a;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(json_parse(text, sizeof text - 1, "t", arena, &value, &err), 0);
	a = json_member(value, "a");
	assert_int_equal(a->type, JSON_ARRAY);
	assert_int_equal(a->count, 4);
	assert_string_equal(a->elements[0].text, "1");
	assert_string_equal(a->elements[1].text, "x\n\xc3\xa9");
	assert_true(a->elements[2].boolean);
	assert_int_equal(a->elements[3].type, JSON_NULL);
	assert_int_equal(json_member(value, "b")->count, 0);
	assert_null(json_member(value, "c"));
	assert_null(json_member(a, "c"));
	assert_null(json_member(NULL, "c"));
}

static void write_example(struct json_writer *writer)
{
	json_object_begin(writer);
	json_key_string(writer, "s", "a\"\n\x01/\xff");
	json_key_int(writer, "i", INT64_MIN);
	json_key_uint(writer, "u", UINT64_MAX);
	json_key_bool(writer, "b", false);
	json_key_string(writer, "n", NULL);
	json_key(writer, "e");
	json_object_begin(writer);
	json_object_end(writer);
	json_key(writer, "l");
	json_array_begin(writer);
	json_array_begin(writer);
	json_array_end(writer);
	json_int(writer, 1);
	json_array_end(writer);
	json_object_end(writer);
}

static void writes_json(void **state)
{
	_cleanup_json_writer_ struct json_writer *flat = json_writer_new(NULL);
	_cleanup_json_writer_ struct json_writer *pretty = json_writer_new("  ");
	_cleanup_json_writer_ struct json_writer *again = json_writer_new(NULL);
	_cleanup_arena_ struct arena *arena = arena_new();
	const struct json_value *value;
	struct error err = ERROR_INIT;
	const char *text, *flat_text;
	size_t length;

	(void)state;
	write_example(flat);
	assert_int_equal(json_writer_text(flat, &flat_text, &length, &err), 0);
	assert_string_equal(
		flat_text, "{\"s\":\"a\\\"\\n\\u0001/\xef\xbf\xbd\",\"i\":-9223372036854775808,"
			   "\"u\":18446744073709551615,\"b\":false,\"n\":null,\"e\":{},"
			   "\"l\":[[],1]}");
	assert_int_equal(length, strlen(flat_text));
	write_example(pretty);
	assert_int_equal(json_writer_text(pretty, &text, &length, &err), 0);
	assert_non_null(strstr(text, "{\n  \"s\": \"a"));
	assert_non_null(strstr(text, "\"e\": {},\n"));
	assert_int_equal(text[length - 1], '}');
	/* what was written is read and written again, byte by byte the same */
	assert_int_equal(json_parse(text, length, "t", arena, &value, &err), 0);
	json_value(again, value);
	assert_int_equal(json_writer_text(again, &text, &length, &err), 0);
	assert_string_equal(text, flat_text);
}

static void a_wrong_order_of_calls_fails(void **state)
{
	_cleanup_json_writer_ struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;
	const char *text;
	size_t length;

	(void)state;
	json_object_begin(writer);
	json_int(writer, 1);
	json_object_end(writer);
	assert_true(json_writer_text(writer, &text, &length, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_json),
		cmocka_unit_test(refuses_bad_utf8),
		cmocka_unit_test(refuses_nul_and_half_surrogates),
		cmocka_unit_test(refuses_duplicate_names),
		cmocka_unit_test(keeps_to_its_limits),
		cmocka_unit_test(reads_whole_numbers_exactly),
		cmocka_unit_test(builds_the_tree),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(a_wrong_order_of_calls_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
