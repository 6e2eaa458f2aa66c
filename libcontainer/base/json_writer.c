/* Writing JSON through yajl_gen, which knows commas, indentation and escapes. Its output goes into a
 * buffer of ours and its few fixed structures into a pool inside the writer, because yajl does not
 * check its allocations. It does not check UTF-8 either (a path may be any bytes): that is done here.
 * yajl_gen breaks the line inside an empty object; so a bracket is held back until something follows. */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

struct json_writer {
	yajl_gen yajl;
	struct arena
		*arena; /* of the text and of this structure, or NULL: both from malloc(3) */
	char *text;
	size_t length, capacity;
	bool failed;
	char held; /* '{' or '[' not yet given to yajl, or 0 */
	char indent[16];
	size_t pool_used;
	alignas(max_align_t) char pool[4096];
};

static void *pool_alloc(void *data, size_t size)
{
	struct json_writer *writer = data;
	void *piece;

	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > sizeof writer->pool - writer->pool_used)
		return NULL;
	piece = writer->pool + writer->pool_used;
	writer->pool_used += size;
	return piece;
}

/* Only yajl's own buffer is ever moved, and ours is used in its place. */
static void *pool_realloc(void *data, void *old, size_t size)
{
	(void)old;
	return pool_alloc(data, size);
}

static void pool_free(void *data, void *piece)
{
	(void)data;
	(void)piece;
}

static char *grow(const struct json_writer *writer, size_t capacity)
{
	char *larger;

	if (!writer->arena)
		return realloc(writer->text, capacity);
	larger = arena_alloc(writer->arena, capacity);
	if (larger && writer->length)
		memcpy(larger, writer->text, writer->length);
	return larger;
}

static void append(void *data, const char *text, size_t length)
{
	struct json_writer *writer = data;
	size_t capacity = writer->capacity ? writer->capacity : 1024;
	char *larger;

	if (writer->failed)
		return;
	while (capacity - writer->length <= length) {
		if (capacity > SIZE_MAX / 2) {
			writer->failed = true;
			return;
		}
		capacity *= 2;
	}
	if (capacity != writer->capacity) {
		larger = grow(writer, capacity);
		if (!larger) {
			writer->failed = true;
			return;
		}
		writer->text = larger;
		writer->capacity = capacity;
	}
	memcpy(writer->text + writer->length, text, length);
	writer->length += length;
	writer->text[writer->length] = '\0';
}

static void set_up(struct json_writer *writer, const char *indent)
{
	yajl_alloc_funcs memory = { pool_alloc, pool_realloc, pool_free, writer };

	writer->yajl = yajl_gen_alloc(&memory);
	yajl_gen_config(writer->yajl, yajl_gen_print_callback, append, writer);
	if (indent) {
		snprintf(writer->indent, sizeof writer->indent, "%s", indent);
		yajl_gen_config(writer->yajl, yajl_gen_beautify, 1);
		yajl_gen_config(writer->yajl, yajl_gen_indent_string, writer->indent);
	}
}

struct json_writer *json_writer_new(const char *indent)
{
	struct json_writer *writer = calloc(1, sizeof *writer);

	if (writer)
		set_up(writer, indent);
	return writer;
}

struct json_writer *json_writer_new_within(struct arena *arena, const char *indent)
{
	struct arena *own = arena_new_within(arena);
	struct json_writer *writer = own ? arena_alloc(own, sizeof *writer) : NULL;

	if (!writer)
		return NULL;
	writer->arena = own;
	set_up(writer, indent);
	return writer;
}

void json_writer_free(struct json_writer *writer)
{
	if (!writer)
		return;
	if (writer->arena) {
		arena_free(writer->arena);
		return;
	}
	free(writer->text);
	free(writer);
}

void cleanup_json_writer(struct json_writer **writer)
{
	json_writer_free(*writer);
}

/* A wrong order of calls is a fault of the program; it makes the text fail, not wrong. */
static void check(struct json_writer *writer, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok)
		writer->failed = true;
}

static void release(struct json_writer *writer)
{
	char held = writer->held;

	writer->held = 0;
	if (held == '{')
		check(writer, yajl_gen_map_open(writer->yajl));
	else if (held == '[')
		check(writer, yajl_gen_array_open(writer->yajl));
}

static void begin(struct json_writer *writer, char bracket)
{
	release(writer);
	writer->held = bracket;
}

/* yajl_gen_number() writes its text as it stands, with the commas and spaces of a value. */
static void write_raw(struct json_writer *writer, const char *text)
{
	release(writer);
	check(writer, yajl_gen_number(writer->yajl, text, strlen(text)));
}

void json_object_begin(struct json_writer *writer)
{
	begin(writer, '{');
}

void json_object_end(struct json_writer *writer)
{
	if (writer->held == '{') {
		writer->held = 0;
		write_raw(writer, "{}");
		return;
	}
	check(writer, yajl_gen_map_close(writer->yajl));
}

void json_array_begin(struct json_writer *writer)
{
	begin(writer, '[');
}

void json_array_end(struct json_writer *writer)
{
	if (writer->held == '[') {
		writer->held = 0;
		write_raw(writer, "[]");
		return;
	}
	check(writer, yajl_gen_array_close(writer->yajl));
}

/* A copy with each byte that is no part of a UTF-8 character replaced by U+FFFD; NULL without memory. */
static char *replace_invalid(const char *text)
{
	size_t left = strlen(text), step;
	char *copy = malloc(left * 3 + 1), *to = copy;

	if (!copy)
		return NULL;
	for (; left > 0; text += step, left -= step) {
		step = json_utf8_length(text, left);
		if (step > 0) {
			memcpy(to, text, step);
			to += step;
		} else {
			step = 1;
			memcpy(to, "\xef\xbf\xbd", 3);
			to += 3;
		}
	}
	*to = '\0';
	return copy;
}

static bool is_valid(const char *text)
{
	size_t left = strlen(text), step;

	for (; left > 0; text += step, left -= step) {
		step = json_utf8_length(text, left);
		if (step == 0)
			return false;
	}
	return true;
}

void json_string(struct json_writer *writer, const char *text)
{
	char *copy = NULL;

	if (!text) {
		json_null(writer);
		return;
	}
	release(writer);
	if (!is_valid(text)) {
		text = copy = replace_invalid(text);
		if (!copy) {
			writer->failed = true;
			return;
		}
	}
	check(writer, yajl_gen_string(writer->yajl, (const unsigned char *)text, strlen(text)));
	free(copy);
}

void json_key(struct json_writer *writer, const char *key)
{
	json_string(writer, key);
}

void json_int(struct json_writer *writer, int64_t number)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, number);
	write_raw(writer, text);
}

void json_uint(struct json_writer *writer, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, number);
	write_raw(writer, text);
}

void json_bool(struct json_writer *writer, bool value)
{
	release(writer);
	check(writer, yajl_gen_bool(writer->yajl, value));
}

void json_null(struct json_writer *writer)
{
	release(writer);
	check(writer, yajl_gen_null(writer->yajl));
}

void json_value(struct json_writer *writer, const struct json_value *value)
{
	size_t i;

	switch (value->type) {
	case JSON_NULL:
		json_null(writer);
		break;
	case JSON_BOOL:
		json_bool(writer, value->boolean);
		break;
	case JSON_NUMBER:
		write_raw(writer, value->text);
		break;
	case JSON_STRING:
		json_string(writer, value->text);
		break;
	case JSON_ARRAY:
		json_array_begin(writer);
		for (i = 0; i < value->count; i++)
			json_value(writer, &value->elements[i]);
		json_array_end(writer);
		break;
	case JSON_OBJECT:
		json_object_begin(writer);
		for (i = 0; i < value->count; i++) {
			json_key(writer, value->members[i].name);
			json_value(writer, &value->members[i].value);
		}
		json_object_end(writer);
		break;
	}
}

void json_key_string(struct json_writer *writer, const char *key, const char *text)
{
	json_key(writer, key);
	json_string(writer, text);
}

void json_key_int(struct json_writer *writer, const char *key, int64_t number)
{
	json_key(writer, key);
	json_int(writer, number);
}

void json_key_uint(struct json_writer *writer, const char *key, uint64_t number)
{
	json_key(writer, key);
	json_uint(writer, number);
}

void json_key_bool(struct json_writer *writer, const char *key, bool value)
{
	json_key(writer, key);
	json_bool(writer, value);
}

int json_writer_text(struct json_writer *writer, const char **ret_text, size_t *ret_length,
		     struct error *err)
{
	release(writer);
	if (!writer->failed && !writer->text)
		append(writer, "", 0);
	if (writer->failed)
		return error_set(err, ENOMEM, "no memory for the JSON text");
	while (writer->length > 0 && writer->text[writer->length - 1] == '\n')
		writer->text[--writer->length] = '\0';
	*ret_text = writer->text;
	*ret_length = writer->length;
	return 0;
}
