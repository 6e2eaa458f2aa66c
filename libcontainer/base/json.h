/* JSON in and out. Reading gives an immutable tree in an arena; yajl does the parsing, behind the
 * limits that its age demands (CVE-2017-16516, CVE-2022-24795, CVE-2023-33460): size and depth are
 * bounded before memory is spent, UTF-8 is checked, duplicate names, NUL characters in strings and
 * trailing garbage are refused. Writing goes through yajl_gen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 64
#define JSON_SIZE_MAX ((size_t)16 * 1024 * 1024)
/* Short values would let a file of the greatest size take fifty times its size in memory. */
#define JSON_VALUES_MAX ((size_t)1024 * 1024)

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_member;

struct json_value {
	enum json_type type;
	bool boolean;
	size_t count; /* of elements or members */
	union { /* a config.json has thousands of values: they are kept small */
		const char *
			text; /* of a string; of a number its digits as they stand in the file */
		const struct json_value *elements;
		const struct json_member *members; /* in the file's order */
	};
};

struct json_member {
	const char *name;
	struct json_value value;
};

/* Parses one whole document.
 * @text: @length bytes, need not be NUL-terminated. @name: what it is, for errors ("config.json").
 * @ret_value: owned by the arena.
 * Errors: EINVAL with the line and column, EFBIG beyond the limits. */
int json_parse(const char *text, size_t length, const char *name, struct arena *arena,
	       const struct json_value **ret_value, struct error *err) _must_check_;

/* The member of that name, or NULL (also when @object is NULL or no object). */
const struct json_value *json_member(const struct json_value *object, const char *name);

/* A number as an integer. Accepts "-1", "12", and forms such as 1e3 or 2.0 whose value is whole.
 * Returns 0, -EINVAL when it is no number or not whole, -ERANGE when it does not fit. */
int json_int64(const struct json_value *value, int64_t *ret_number) _must_check_;
int json_uint64(const struct json_value *value, uint64_t *ret_number) _must_check_;

/* The length in bytes of the well-formed UTF-8 character (Unicode, table 3-7) that @text begins with;
 * 0 for none. @left: bytes there are, at least 1. */
size_t json_utf8_length(const char *text, size_t left);

/* "a string", "an object", ...: for messages. */
const char *json_type_name(enum json_type type);

/* A growing JSON text. All calls on a writer that has run out of memory do nothing, and
 * json_writer_text() says so: no call in between needs a check. */
struct json_writer;

/* @indent: what one level is indented by ("  "), or NULL for one line without spaces. */
struct json_writer *json_writer_new(const char *indent);

/* The same in the memory of an arena, to which it goes back; the writer must be freed before the arena. */
struct json_writer *json_writer_new_within(struct arena *arena, const char *indent);
void json_writer_free(struct json_writer *writer);
void cleanup_json_writer(struct json_writer **writer);
#define _cleanup_json_writer_ __attribute__((cleanup(cleanup_json_writer)))

/* The parts of the text, in the order in which they are to stand. In an object each value follows its
 * json_key(). */
void json_object_begin(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array_begin(struct json_writer *writer);
void json_array_end(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
/* @text: NULL writes null. Bytes that are no UTF-8 are replaced by U+FFFD. */
void json_string(struct json_writer *writer, const char *text);
void json_int(struct json_writer *writer, int64_t number);
void json_uint(struct json_writer *writer, uint64_t number);
void json_bool(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
/* A value read before, written out again. */
void json_value(struct json_writer *writer, const struct json_value *value);
/* Key and value in one call. */
void json_key_string(struct json_writer *writer, const char *key, const char *text);
void json_key_int(struct json_writer *writer, const char *key, int64_t number);
void json_key_uint(struct json_writer *writer, const char *key, uint64_t number);
void json_key_bool(struct json_writer *writer, const char *key, bool value);

/* The text so far, without a newline at its end; borrowed until the next call on the writer.
 * @ret_length: in bytes. Fails with ENOMEM. */
int json_writer_text(struct json_writer *writer, const char **ret_text, size_t *ret_length,
		     struct error *err) _must_check_;
