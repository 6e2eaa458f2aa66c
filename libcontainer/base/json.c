/* Reading JSON. A scan over the text comes first and refuses what yajl is too old to be trusted with:
 * size, depth, number of values, bytes that are no UTF-8 (yajl lets overlong forms and surrogates
 * pass), escapes that stand for NUL or for half a surrogate pair. Only then does yajl parse, into
 * callbacks that build the tree. yajl does not check its allocations: all its memory comes from a
 * scratch arena, and when there is none left a longjmp leaves yajl for good. */
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/cleanup.h"

/* Objects beyond this size are searched for duplicate names by sorting. */
#define SORT_FROM 16

struct frame {
	bool object;
	size_t count;
	struct json_value
		*elements; /* of an array; in the scratch arena until it is complete */
	struct json_member *members;
	const char *name; /* of the member whose value comes next */
};

struct parser {
	const char *text, *name;
	size_t length;
	struct arena *arena, *scratch;
	struct error *err;
	jmp_buf out_of_memory;
	size_t depth;
	struct frame frames[JSON_DEPTH_MAX];
	struct json_value *root;
	yajl_handle yajl;
};

/* ---- the scan ---- */

struct position {
	size_t line, column; /* from 1; columns count characters, not bytes */
};

static struct position find_position(const char *text, size_t offset)
{
	struct position position = { 1, 1 };
	size_t i;

	for (i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			position.line++;
			position.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			position.column++;
		}
	}
	return position;
}

static int refuse(const struct parser *parser, int code, size_t offset, const char *what)
{
	struct position position = find_position(parser->text, offset);

	return error_set(parser->err, code, "%s: line %zu, column %zu: %s", parser->name,
			 position.line, position.column, what);
}

size_t json_utf8_length(const char *text, size_t left)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t length, i;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (length > left)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* The value of "\uXXXX" at @at, or -1 when there is none. */
static long read_unicode_escape(const char *at, size_t left)
{
	char digits[5] = "";

	if (left < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	memcpy(digits, at + 2, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return -1;
	return strtol(digits, NULL, 16);
}

/* Checks the escape at @offset and says in @ret_length how many bytes it takes. Other malformed escapes
 * are left to yajl. */
static int scan_escape(const struct parser *parser, size_t offset, size_t *ret_length)
{
	const char *at = parser->text + offset;
	size_t left = parser->length - offset;
	long code = read_unicode_escape(at, left);

	*ret_length = left < 2 ? 1 : 2;
	if (code < 0)
		return 0;
	*ret_length = 6;
	if (code == 0)
		return refuse(parser, EINVAL, offset, "a string contains a NUL character");
	if (code >= 0xdc00 && code <= 0xdfff)
		return refuse(parser, EINVAL, offset, "half a surrogate pair in a string");
	if (code < 0xd800 || code > 0xdbff)
		return 0;
	*ret_length = 12;
	code = left < 12 ? -1 : read_unicode_escape(at + 6, left - 6);
	if (code < 0xdc00 || code > 0xdfff)
		return refuse(parser, EINVAL, offset, "half a surrogate pair in a string");
	return 0;
}

/* The bytes that the scan has to look at: most of a file is plain text between them. */
static const bool is_special[256] = {
	['"'] = true, ['\\'] = true, ['{'] = true, ['}'] = true,
	['['] = true, [']'] = true,  [','] = true, [0x80 ... 0xff] = true,
};

/* Follows strings and brackets only as far as the limits need; whether it is JSON, yajl says. */
static int scan(const struct parser *parser)
{
	const char *text = parser->text;
	size_t i, step, depth = 0, values = 1;
	bool in_string = false;
	int r;

	if (parser->length > JSON_SIZE_MAX)
		return error_set(parser->err, EFBIG, "%s: larger than %zu bytes", parser->name,
				 JSON_SIZE_MAX);
	for (i = 0; i < parser->length; i += step) {
		step = 1;
		if (!is_special[(unsigned char)text[i]])
			continue;
		step = json_utf8_length(text + i, parser->length - i);
		if (step == 0)
			return refuse(parser, EINVAL, i, "not valid UTF-8");
		if (text[i] == '"') {
			in_string = !in_string;
		} else if (in_string && text[i] == '\\') {
			r = scan_escape(parser, i, &step);
			if (r < 0)
				return r;
		} else if (in_string) {
			continue;
		} else if (text[i] == '{' || text[i] == '[') {
			values++;
			if (++depth > JSON_DEPTH_MAX)
				return refuse(parser, EFBIG, i, "nested too deeply");
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		} else if (text[i] == ',') {
			values++;
		}
		if (values > JSON_VALUES_MAX)
			return refuse(parser, EFBIG, i, "too many values");
	}
	return 0;
}

/* ---- yajl's memory ---- */

/* In front of each piece, so that it can be moved; as large as the strictest alignment. */
union header {
	size_t size;
	max_align_t alignment;
};

static void *scratch_alloc(void *data, size_t size)
{
	struct parser *parser = data;
	union header *header = arena_alloc(parser->scratch, sizeof *header + size);

	if (!header)
		longjmp(parser->out_of_memory, 1);
	header->size = size;
	return header + 1;
}

static void *scratch_realloc(void *data, void *old, size_t size)
{
	void *piece = scratch_alloc(data, size);
	size_t old_size;

	if (old) {
		old_size = ((union header *)old - 1)->size;
		memcpy(piece, old, old_size < size ? old_size : size);
	}
	return piece;
}

static void scratch_free(void *data, void *piece)
{
	(void)data;
	(void)piece;
}

/* ---- the tree ---- */

/* The place for the next value: in the innermost array or object, or the root. NULL without memory. */
static struct json_value *new_value(struct parser *parser, enum json_type type)
{
	struct frame *frame;
	struct json_value *value;

	if (parser->depth == 0) {
		value = parser->root = arena_alloc(parser->arena, sizeof *value);
	} else {
		frame = &parser->frames[parser->depth - 1];
		if (frame->object) {
			frame->members = arena_grow(parser->scratch, frame->members,
						    frame->count, sizeof *frame->members);
			if (!frame->members)
				return NULL;
			frame->members[frame->count].name = frame->name;
			value = &frame->members[frame->count].value;
		} else {
			frame->elements = arena_grow(parser->scratch, frame->elements,
						     frame->count, sizeof *frame->elements);
			if (!frame->elements)
				return NULL;
			value = &frame->elements[frame->count];
		}
		frame->count++;
	}
	if (value) {
		memset(value, 0, sizeof *value);
		value->type = type;
	}
	return value;
}

/* The value that the end of the innermost frame completes. */
static struct json_value *current_value(struct parser *parser)
{
	struct frame *frame;

	if (parser->depth == 0)
		return parser->root;
	frame = &parser->frames[parser->depth - 1];
	return frame->object ? &frame->members[frame->count - 1].value
			     : &frame->elements[frame->count - 1];
}

/* A callback that returns 0 stops yajl. */
static int out_of_memory(struct parser *parser)
{
	error_oom(parser->err);
	return 0;
}

static int on_null(void *data)
{
	return new_value(data, JSON_NULL) ? 1 : out_of_memory(data);
}

static int on_boolean(void *data, int boolean)
{
	struct json_value *value = new_value(data, JSON_BOOL);

	if (!value)
		return out_of_memory(data);
	value->boolean = boolean;
	return 1;
}

static int add_text(struct parser *parser, enum json_type type, const char *text, size_t length)
{
	struct json_value *value = new_value(parser, type);

	if (!value)
		return out_of_memory(parser);
	value->text = arena_strndup(parser->arena, text, length);
	return value->text ? 1 : out_of_memory(parser);
}

static int on_number(void *data, const char *text, size_t length)
{
	return add_text(data, JSON_NUMBER, text, length);
}

static int on_string(void *data, const unsigned char *text, size_t length)
{
	return add_text(data, JSON_STRING, (const char *)text, length);
}

static int on_key(void *data, const unsigned char *text, size_t length)
{
	struct parser *parser = data;
	struct frame *frame = &parser->frames[parser->depth - 1];

	frame->name = arena_strndup(parser->arena, (const char *)text, length);
	return frame->name ? 1 : out_of_memory(parser);
}

static int open_frame(struct parser *parser, enum json_type type)
{
	if (parser->depth == JSON_DEPTH_MAX) {
		error_set(parser->err, EFBIG, "%s: nested too deeply", parser->name);
		return 0;
	}
	if (!new_value(parser, type))
		return out_of_memory(parser);
	parser->frames[parser->depth++] = (struct frame){ .object = type == JSON_OBJECT };
	return 1;
}

static int on_object_begin(void *data)
{
	return open_frame(data, JSON_OBJECT);
}

static int on_array_begin(void *data)
{
	return open_frame(data, JSON_ARRAY);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that stands twice in the object, or NULL. *ret_failed: no memory to find out. */
static const char *find_duplicate(struct parser *parser, const struct frame *frame,
				  bool *ret_failed)
{
	const char **names;
	size_t i, j;

	*ret_failed = false;
	if (frame->count < SORT_FROM) {
		for (i = 1; i < frame->count; i++)
			for (j = 0; j < i; j++)
				if (strcmp(frame->members[i].name, frame->members[j].name) == 0)
					return frame->members[i].name;
		return NULL;
	}
	names = arena_array(parser->scratch, frame->count, sizeof *names);
	if (!names) {
		*ret_failed = true;
		return NULL;
	}
	for (i = 0; i < frame->count; i++)
		names[i] = frame->members[i].name;
	qsort(names, frame->count, sizeof *names, compare_names);
	for (i = 1; i < frame->count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return names[i];
	return NULL;
}

static int on_object_end(void *data)
{
	struct parser *parser = data;
	struct frame *frame = &parser->frames[--parser->depth];
	struct json_value *value = current_value(parser);
	struct json_member *members;
	struct position position;
	const char *twice;
	bool failed;

	twice = find_duplicate(parser, frame, &failed);
	if (twice) {
		position = find_position(parser->text, yajl_get_bytes_consumed(parser->yajl));
		error_set(parser->err, EINVAL,
			  "%s: line %zu, column %zu: the object that ends here has the name "
			  "\"%s\" twice",
			  parser->name, position.line, position.column, twice);
		return 0;
	}
	members = arena_array(parser->arena, frame->count, sizeof *members);
	if (failed || !members)
		return out_of_memory(parser);
	if (frame->count > 0)
		memcpy(members, frame->members, frame->count * sizeof *members);
	value->members = members;
	value->count = frame->count;
	return 1;
}

static int on_array_end(void *data)
{
	struct parser *parser = data;
	struct frame *frame = &parser->frames[--parser->depth];
	struct json_value *value = current_value(parser);
	struct json_value *elements;

	elements = arena_array(parser->arena, frame->count, sizeof *elements);
	if (!elements)
		return out_of_memory(parser);
	if (frame->count > 0)
		memcpy(elements, frame->elements, frame->count * sizeof *elements);
	value->elements = elements;
	value->count = frame->count;
	return 1;
}

/* yajl's word for what is wrong, with the place. */
static int report_syntax(struct parser *parser, size_t offset)
{
	unsigned char *word;
	char what[200];

	if (parser->err->code != 0)
		return -parser->err->code;
	word = yajl_get_error(parser->yajl, 0, NULL, 0);
	snprintf(what, sizeof what, "%s", (const char *)word);
	what[strcspn(what, "\n")] = '\0';
	yajl_free_error(parser->yajl, word);
	return refuse(parser, EINVAL, offset, what);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object_begin,
	.yajl_map_key = on_key,
	.yajl_end_map = on_object_end,
	.yajl_start_array = on_array_begin,
	.yajl_end_array = on_array_end,
};

static int run_yajl(struct parser *parser)
{
	yajl_alloc_funcs memory = { scratch_alloc, scratch_realloc, scratch_free, parser };
	const unsigned char *text = (const unsigned char *)parser->text;

	if (setjmp(parser->out_of_memory))
		return error_oom(parser->err);
	parser->yajl = yajl_alloc(&callbacks, &memory, parser);
	if (!parser->yajl)
		return error_oom(parser->err);
	if (yajl_parse(parser->yajl, text, parser->length) != yajl_status_ok)
		return report_syntax(parser, yajl_get_bytes_consumed(parser->yajl));
	if (yajl_complete_parse(parser->yajl) != yajl_status_ok)
		return report_syntax(parser, parser->length);
	return 0;
}

int json_parse(const char *text, size_t length, const char *name, struct arena *arena,
	       const struct json_value **ret_value, struct error *err)
{
	_cleanup_arena_ struct arena *scratch = arena_new_within(arena);
	struct parser parser = {
		.text = text,
		.length = length,
		.name = name,
		.arena = arena,
		.scratch = scratch,
		.err = err,
	};
	int r;

	if (!scratch)
		return error_oom(err);
	r = scan(&parser);
	if (r < 0)
		return r;
	r = run_yajl(&parser);
	if (r < 0)
		return r;
	*ret_value = parser.root;
	return 0;
}

/* ---- looking at it ---- */

const struct json_value *json_member(const struct json_value *object, const char *name)
{
	size_t i;

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (i = 0; i < object->count; i++)
		if (strcmp(object->members[i].name, name) == 0)
			return &object->members[i].value;
	return NULL;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "a boolean",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	return names[type];
}
