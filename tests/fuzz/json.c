/* The JSON parser and the writer: what was accepted and written out is accepted again, and written out
 * again it is the same text. */
#include <string.h>

#include "fuzz.h"

static struct json_writer *written(const struct json_value *value, const char **ret_text,
				   size_t *ret_length)
{
	struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;

	require(writer);
	json_value(writer, value);
	require(json_writer_text(writer, ret_text, ret_length, &err) == 0);
	return writer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_json_writer_ struct json_writer *first = NULL, *second = NULL;
	struct error err = ERROR_INIT;
	const struct json_value *value;
	const char *text, *again;
	size_t length, length_again;
	int64_t number;
	uint64_t natural;
	int r;

	r = json_parse((const char *)data, size, "input", arena, &value, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	if (value->type == JSON_NUMBER && json_int64(value, &number) == 0 && number >= 0) {
		require(json_uint64(value, &natural) == 0);
		require(natural == (uint64_t)number);
	}
	first = written(value, &text, &length);
	r = json_parse(text, length, "written", arena, &value, &err);
	require(r == 0);
	second = written(value, &again, &length_again);
	require(length == length_again && memcmp(text, again, length) == 0);
	return 0;
}
