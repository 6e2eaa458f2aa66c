/* The engine: walks the members of a JSON object and stores each where the type's table says. It never
 * stops at a problem: all of them are collected, so that one look at the message is enough to mend a
 * file. Unknown properties must be ignored (spec 6), which is why a misspelt one is only found in the
 * debug log. */
#include "spec/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/trace.h"

#define VALUE_SHOWN 100 /* bytes of a bad value that a message repeats */

static void store_count(void *object, const struct field *field, size_t count)
{
	memcpy((char *)object + field->count_offset, &count, sizeof count);
}

static void store_pointer(void *object, const struct field *field, const void *pointer)
{
	memcpy((char *)object + field->offset, &pointer, sizeof pointer);
}

static void store_integer(void *object, const struct field *field, uint64_t value)
{
	char *member = (char *)object + field->offset;
	uint32_t half = (uint32_t)value;
	uint16_t quarter = (uint16_t)value;
	uint8_t byte = (uint8_t)value;

	if (field->width == 8)
		memcpy(member, &value, sizeof value);
	else if (field->width == 4)
		memcpy(member, &half, sizeof half);
	else if (field->width == 2)
		memcpy(member, &quarter, sizeof quarter);
	else
		memcpy(member, &byte, sizeof byte);
}

/* ---- single values ---- */

static bool expect(const struct place *at, const struct json_value *json, enum json_type type,
		   const char *what)
{
	if (json->type == type)
		return true;
	problem(at, NULL, "expected %s, found %s", what, json_type_name(json->type));
	return false;
}

static void decode_bool(const struct place *at, const struct field *field,
			const struct json_value *json, void *object)
{
	void *member = (char *)object + field->offset;
	struct spec_opt_bool *optional = member;

	if (!expect(at, json, JSON_BOOL, "true or false"))
		return;
	if (field->kind == FIELD_BOOL)
		*(bool *)member = json->boolean;
	else
		*optional = (struct spec_opt_bool){ .set = true, .value = json->boolean };
}

/* Reads a number that is in the field's range; as the two's complement of a negative one. */
static bool read_integer(const struct place *at, const struct field *field,
			 const struct json_value *json, uint64_t *ret_value)
{
	int64_t negative = 0;
	uint64_t value = 0;
	int r;

	if (!expect(at, json, JSON_NUMBER, "an integer"))
		return false;
	r = json_uint64(json, &value);
	if (r == 0 && value <= field->max) {
		*ret_value = value;
		if (field->min <= 0 || value >= (uint64_t)field->min)
			return true;
	} else if (r == -ERANGE && json_int64(json, &negative) == 0 && negative >= field->min) {
		*ret_value = (uint64_t)negative;
		return true;
	}
	if (r == -EINVAL)
		problem(at, NULL, "expected an integer, found %.*s", VALUE_SHOWN, json->text);
	else if (field->say)
		problem(at, NULL, "%s: %.*s", field->say, VALUE_SHOWN, json->text);
	else
		problem(at, NULL,
			"expected an integer from %" PRId64 " to %" PRIu64 ", found %.*s",
			field->min, field->max, VALUE_SHOWN, json->text);
	return false;
}

static void decode_integer(const struct place *at, const struct field *field,
			   const struct json_value *json, void *object)
{
	void *member = (char *)object + field->offset;
	struct spec_opt_uint *unsigned_one = member;
	struct spec_opt_int *signed_one = member;
	uint64_t value;

	if (!read_integer(at, field, json, &value))
		return;
	if (field->kind == FIELD_INT)
		store_integer(object, field, value);
	else if (field->kind == FIELD_OPT_INT)
		*signed_one = (struct spec_opt_int){ .set = true, .value = (int64_t)value };
	else
		*unsigned_one = (struct spec_opt_uint){ .set = true, .value = value };
}

int64_t list_count(const char *list)
{
	int64_t count = 0;
	long first, last;
	int length;

	do {
		length = 0;
		if (sscanf(list, " %7ld%n", &first, &length) != 1 || first < 0)
			return -1;
		list += length;
		last = first;
		list += strspn(list, " ");
		if (*list == '-') {
			if (sscanf(list + 1, " %7ld%n", &last, &length) != 1 || last < first)
				return -1;
			list += 1 + length;
			list += strspn(list, " ");
		}
		if (last > 1 << 20)
			return -1;
		count += last - first + 1;
	} while (*list == ',' && list++);
	return *list == '\0' ? count : -1;
}

/* Stores nothing: one string, of a property or of an array. Returns whether it is as the flags want it. */
static bool check_string(const struct place *at, const struct field *field,
			 const struct json_value *json)
{
	const char *text = json->text;

	if (!expect(at, json, JSON_STRING, "a string"))
		return false;
	if (text[0] == '\0' && field->flags & (REQUIRED | ABSOLUTE))
		problem(at, NULL, "%s", field->say ? field->say : "must not be empty");
	else if (field->flags & ABSOLUTE && text[0] != '/' && field->say)
		problem(at, NULL, "%s", field->say);
	else if (field->flags & ABSOLUTE && text[0] != '/')
		problem(at, NULL, "must be an absolute path, not \"%.*s\"", VALUE_SHOWN, text);
	else if (field->flags & ONE_LINE && strchr(text, '\n'))
		problem(at, NULL, "must not contain a newline");
	else if (field->flags & LIST && text[strspn(text, " ")] && list_count(text) < 0)
		problem(at, NULL, "%s \"%.*s\"",
			field->say ? field->say : "expected a list such as 0-3,7, found",
			VALUE_SHOWN, text);
	else
		return true;
	return false;
}

static void decode_string(const struct place *at, const struct field *field,
			  const struct json_value *json, void *object)
{
	bool optional = !(field->flags & REQUIRED);

	if (optional && json->type == JSON_STRING && json->text[0] == '\0')
		return;
	if (check_string(at, field, json))
		store_pointer(object, field, json->text);
}

static bool read_word(const struct place *at, const struct field *field,
		      const struct json_value *json, uint64_t *ret_value)
{
	const struct spec_words *words = spec_words(field->words);
	const struct table_entry *entry;

	if (!expect(at, json, JSON_STRING, "a string"))
		return false;
	entry = table_find(words->entries, words->count, json->text);
	if (!entry) {
		problem(at, NULL, "%s \"%.*s\"", field->say ? field->say : "unknown value",
			VALUE_SHOWN, json->text);
		return false;
	}
	*ret_value = entry->value;
	return true;
}

static void decode_word(const struct place *at, const struct field *field,
			const struct json_value *json, void *object)
{
	bool optional = !(field->flags & REQUIRED);
	uint64_t value;

	if (optional && json->type == JSON_STRING && json->text[0] == '\0')
		return;
	if (read_word(at, field, json, &value))
		store_integer(object, field, value);
}

/* ---- arrays ---- */

static bool expect_array(const struct place *at, const struct field *field,
			 const struct json_value *json)
{
	if (!expect(at, json, JSON_ARRAY, "an array"))
		return false;
	if (json->count == 0 && field->flags & REQUIRED)
		problem(at, NULL, "%s", field->say ? field->say : "must not be empty");
	return true;
}

static void decode_words(const struct place *at, const struct field *field,
			 const struct json_value *json, void *object)
{
	uint64_t value, all = 0;
	size_t i;

	if (!expect_array(at, field, json))
		return;
	for (i = 0; i < json->count; i++) {
		struct place here = place_element(at, i);

		if (read_word(&here, field, &json->elements[i], &value))
			all |= value;
	}
	store_integer(object, field, all);
}

static void decode_strings(const struct place *at, const struct field *field,
			   const struct json_value *json, void *object)
{
	struct field element = *field;
	const char **strings;
	size_t i;

	if (!expect_array(at, field, json))
		return;
	strings = give(at, arena_array(at->decoder->arena, json->count + 1, sizeof *strings));
	if (!strings)
		return;
	element.flags &= ~(unsigned)REQUIRED; /* it is the array that must not be empty */
	element.say = NULL;
	for (i = 0; i < json->count; i++) {
		struct place here = place_element(at, i);

		strings[i] = "";
		if (check_string(&here, &element, &json->elements[i]))
			strings[i] = json->elements[i].text;
	}
	store_pointer(object, field, strings);
	store_count(object, field, json->count);
}

static void decode_uint32s(const struct place *at, const struct field *field,
			   const struct json_value *json, void *object)
{
	uint32_t *numbers;
	uint64_t value;
	size_t i;

	if (!expect_array(at, field, json))
		return;
	numbers = give(at, arena_array(at->decoder->arena, json->count, sizeof *numbers));
	if (!numbers)
		return;
	for (i = 0; i < json->count; i++) {
		struct place here = place_element(at, i);

		if (read_integer(&here, field, &json->elements[i], &value))
			numbers[i] = (uint32_t)value;
	}
	store_pointer(object, field, numbers);
	store_count(object, field, json->count);
}

static void decode_objects(const struct place *at, const struct field *field,
			   const struct json_value *json, void *object)
{
	char *objects;
	size_t i;

	if (!expect_array(at, field, json))
		return;
	objects = give(at, arena_array(at->decoder->arena, json->count, field->type->size));
	if (!objects)
		return;
	for (i = 0; i < json->count; i++) {
		struct place here = place_element(at, i);

		decode_object(&here, field->type, &json->elements[i],
			      objects + i * field->type->size);
	}
	store_pointer(object, field, objects);
	store_count(object, field, json->count);
}

/* ---- maps and objects ---- */

static void decode_pairs(const struct place *at, const struct field *field,
			 const struct json_value *json, void *object)
{
	struct spec_pair *pairs;
	size_t i;

	if (!expect(at, json, JSON_OBJECT, "an object"))
		return;
	pairs = give(at, arena_array(at->decoder->arena, json->count, sizeof *pairs));
	if (!pairs)
		return;
	for (i = 0; i < json->count; i++) {
		const struct json_member *member = &json->members[i];
		struct place here = place_member(at, member->name);

		pairs[i] = (struct spec_pair){ .key = member->name, .value = "" };
		if (member->name[0] == '\0')
			problem(at, NULL, "a key is empty");
		if (expect(&here, &member->value, JSON_STRING, "a string"))
			pairs[i].value = member->value.text;
	}
	store_pointer(object, field, pairs);
	store_count(object, field, json->count);
}

static void decode_named_objects(const struct place *at, const struct field *field,
				 const struct json_value *json, void *object)
{
	char *objects;
	size_t i;

	if (!expect(at, json, JSON_OBJECT, "an object"))
		return;
	objects = give(at, arena_array(at->decoder->arena, json->count, field->type->size));
	if (!objects)
		return;
	for (i = 0; i < json->count; i++) {
		struct place here = place_member(at, json->members[i].name);
		char *each = objects + i * field->type->size;

		memcpy(each, &json->members[i].name, sizeof json->members[i].name);
		decode_object(&here, field->type, &json->members[i].value, each);
	}
	store_pointer(object, field, objects);
	store_count(object, field, json->count);
}

static void decode_child(const struct place *at, const struct field *field,
			 const struct json_value *json, void *object)
{
	void *child;

	if (field->kind == FIELD_EMBEDDED) {
		decode_object(at, field->type, json, (char *)object + field->offset);
		return;
	}
	child = give(at, arena_alloc(at->decoder->arena, field->type->size));
	if (!child)
		return;
	decode_object(at, field->type, json, child);
	store_pointer(object, field, child);
}

static void decode_field(const struct place *at, const struct field *field,
			 const struct json_value *json, void *object)
{
	static void (*const decoders[])(const struct place *, const struct field *,
					const struct json_value *, void *) = {
		[FIELD_STRING] = decode_string,
		[FIELD_BOOL] = decode_bool,
		[FIELD_OPT_BOOL] = decode_bool,
		[FIELD_INT] = decode_integer,
		[FIELD_OPT_INT] = decode_integer,
		[FIELD_OPT_UINT] = decode_integer,
		[FIELD_WORD] = decode_word,
		[FIELD_WORDS] = decode_words,
		[FIELD_STRINGS] = decode_strings,
		[FIELD_UINT32S] = decode_uint32s,
		[FIELD_EMBEDDED] = decode_child,
		[FIELD_OBJECT] = decode_child,
		[FIELD_OBJECTS] = decode_objects,
		[FIELD_PAIRS] = decode_pairs,
		[FIELD_NAMED_OBJECTS] = decode_named_objects,
	};

	if (field->kind != FIELD_SELF)
		decoders[field->kind](at, field, json, object);
}

static const struct field *find_field(const struct object_type *type, const char *name)
{
	size_t i;

	for (i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	return NULL;
}

void decode_object(const struct place *at, const struct object_type *type,
		   const struct json_value *json, void *ret_object)
{
	const struct field *field;
	uint64_t seen = 0;
	size_t i;

	if (!expect(at, json, JSON_OBJECT, "an object"))
		return;
	for (i = 0; i < json->count; i++) {
		const struct json_member *member = &json->members[i];
		struct place here = place_member(at, member->name);

		field = find_field(type, member->name);
		if (!field) {
			if (trace_wants(TRACE_DEBUG))
				trace_debug("%s: ignoring unknown property \"%s\"",
					    at->decoder->name, place_text(&here, NULL));
			continue;
		}
		if (member->value.type == JSON_NULL)
			continue;
		seen |= UINT64_C(1) << (field - type->fields);
		decode_field(&here, field, &member->value, ret_object);
	}
	for (i = 0; i < type->n_fields; i++) {
		field = &type->fields[i];
		if (field->flags & REQUIRED && !(seen & UINT64_C(1) << i))
			problem(at, field->name, "%s",
				field->say && field->kind != FIELD_WORD &&
						field->kind != FIELD_INT
					? field->say
					: "is required");
	}
	if (type->check)
		type->check(at, ret_object, json);
}

bool given(const struct json_value *object, const char *name)
{
	const struct json_value *value = json_member(object, name);

	return value && value->type != JSON_NULL;
}
