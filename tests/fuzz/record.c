/* The state record: one that is accepted can be shown, and written out and read again it is the same. */
#include <string.h>

#include "fuzz.h"
#include "state/store.h"

static struct json_writer *written(const struct state_record *record, const char **ret_text,
				   size_t *ret_length)
{
	struct json_writer *writer = json_writer_new(NULL);
	struct error err = ERROR_INIT;

	require(writer);
	state_print_record(record, writer);
	require(json_writer_text(writer, ret_text, ret_length, &err) == 0);
	return writer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_writer_ struct json_writer *first = NULL, *second = NULL, *state = NULL;
	_cleanup_arena_ struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct state_record *record;
	const char *text, *again;
	size_t length, length_again;
	int r;

	r = state_parse_record((const char *)data, size, arena, &record, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	state = json_writer_new("  ");
	state_print(record, record->status, record->init.pid, state);
	require(json_writer_text(state, &text, &length, &err) == 0);
	first = written(record, &text, &length);
	r = state_parse_record(text, length, arena, &record, &err);
	require(r == 0);
	second = written(record, &again, &length_again);
	require(length == length_again && memcmp(text, again, length) == 0);
	return 0;
}
