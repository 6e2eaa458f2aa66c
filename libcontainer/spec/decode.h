/* The decoder's engine, private to spec/: a config.json object is described by a table of its
 * properties, and the tables do the work that is the same for all: types, ranges, required ones, unknown
 * ones, the path of each problem. What concerns several properties is left to the type's check function. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/spec.h"

struct problem {
	const char *path; /* "linux.resources.memory.limit"; "" for the whole file */
	const char *text;
};

struct decoder {
	struct arena *arena;
	const char *name; /* of the file, for messages */
	size_t n_problems;
	struct problem *problems;
	bool out_of_memory; /* the result is void, whatever the problems say */
};

/* Where in the file the decoder stands: a chain on the stack, made into text only for a problem. */
struct place {
	struct decoder *decoder;
	const struct place *parent; /* NULL: the whole file */
	const char *name; /* of a property; NULL: an element of an array */
	size_t index;
};

enum field_kind {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_OPT_BOOL,
	FIELD_INT, /* plain, `width` bytes; signed if `min` is negative */
	FIELD_OPT_INT,
	FIELD_OPT_UINT,
	FIELD_WORD, /* a word of `words`, stored as an integer of `width` bytes */
	FIELD_WORDS, /* an array of them, stored or-ed together */
	FIELD_STRINGS,
	FIELD_UINT32S, /* numbers up to `max` */
	FIELD_EMBEDDED, /* an object whose struct is a member */
	FIELD_OBJECT, /* an object behind a pointer */
	FIELD_OBJECTS, /* an array of objects */
	FIELD_PAIRS, /* a map to strings, as struct spec_pair */
	FIELD_SELF, /* known here, read by the type's check function */
	FIELD_NAMED_OBJECTS, /* a map to objects; their struct's first member receives the key */
};

/* Flags of a field. Those of strings hold for each string of an array as well. */
#define REQUIRED 1 /* must be there; a string not empty; an array has at least one element */
#define ABSOLUTE 2 /* a string starts with '/' */
#define ONE_LINE 4 /* a string has no newline */
#define LIST 8 /* a string is a list such as "0-3,7" */

struct object_type;

struct field {
	const char *name; /* config.json's */
	enum field_kind kind;
	unsigned flags;
	size_t offset; /* of the member; of an array: of the pointer */
	size_t count_offset; /* of an array: of n_x */
	size_t width; /* of an integer member */
	int64_t min;
	uint64_t max;
	enum spec_vocabulary words;
	const struct object_type *type;
	/* Said in place of the general text when a required property is absent, or a string is not as the
	 * flags want it; of a word: said in front of an unknown one. */
	const char *say;
};

struct object_type {
	size_t size; /* of the struct */
	size_t n_fields; /* at most 64 */
	const struct field *fields;
	/* After the fields, also when some of them have problems: see sound(). NULL: nothing to check. */
	void (*check)(const struct place *at, void *object, const struct json_value *json);
};

/* Shorthands for the tables; further members of the field may follow. */
#define MEMBER_WIDTH(s, m) sizeof(((struct s *)0)->m)
#define F_STRING(s, n, m, ...)                                                      \
	{                                                                           \
		.name = (n), .kind = FIELD_STRING, .offset = offsetof(struct s, m), \
		##__VA_ARGS__                                                       \
	}
#define F_BOOL(s, n, m, ...)                                                      \
	{                                                                         \
		.name = (n), .kind = FIELD_BOOL, .offset = offsetof(struct s, m), \
		##__VA_ARGS__                                                     \
	}
#define F_OPT_BOOL(s, n, m)                                                          \
	{                                                                            \
		.name = (n), .kind = FIELD_OPT_BOOL, .offset = offsetof(struct s, m) \
	}
#define F_INT(s, n, m, low, high, ...)                                                  \
	{                                                                               \
		.name = (n), .kind = FIELD_INT, .offset = offsetof(struct s, m),        \
		.width = MEMBER_WIDTH(s, m), .min = (low), .max = (high), ##__VA_ARGS__ \
	}
#define F_OPT_INT(s, n, m, low, high, ...)                                           \
	{                                                                            \
		.name = (n), .kind = FIELD_OPT_INT, .offset = offsetof(struct s, m), \
		.min = (low), .max = (high), ##__VA_ARGS__                           \
	}
#define F_OPT_UINT(s, n, m, high)                                                     \
	{                                                                             \
		.name = (n), .kind = FIELD_OPT_UINT, .offset = offsetof(struct s, m), \
		.max = (high)                                                         \
	}
#define F_WORD(s, n, m, w, ...)                                                     \
	{                                                                           \
		.name = (n), .kind = FIELD_WORD, .offset = offsetof(struct s, m),   \
		.width = MEMBER_WIDTH(s, m), .words = SPEC_WORDS_##w, ##__VA_ARGS__ \
	}
#define F_WORDS(s, n, m, w, ...)                                                    \
	{                                                                           \
		.name = (n), .kind = FIELD_WORDS, .offset = offsetof(struct s, m),  \
		.width = MEMBER_WIDTH(s, m), .words = SPEC_WORDS_##w, ##__VA_ARGS__ \
	}
#define F_ARRAY(k, s, n, m, ...)                                           \
	{                                                                  \
		.name = (n), .kind = (k), .offset = offsetof(struct s, m), \
		.count_offset = offsetof(struct s, n_##m), ##__VA_ARGS__   \
	}
#define F_STRINGS(s, n, m, ...) F_ARRAY(FIELD_STRINGS, s, n, m, ##__VA_ARGS__)
#define F_UINT32S(s, n, m, high) F_ARRAY(FIELD_UINT32S, s, n, m, .max = (high))
#define F_PAIRS(s, n, m) F_ARRAY(FIELD_PAIRS, s, n, m)
#define F_OBJECTS(s, n, m, t) F_ARRAY(FIELD_OBJECTS, s, n, m, .type = &(t))
#define F_NAMED_OBJECTS(s, n, m, t) F_ARRAY(FIELD_NAMED_OBJECTS, s, n, m, .type = &(t))
#define F_OBJECT(s, n, m, t, ...)                                                   \
	{                                                                           \
		.name = (n), .kind = FIELD_OBJECT, .offset = offsetof(struct s, m), \
		.type = &(t), ##__VA_ARGS__                                         \
	}
#define F_EMBEDDED(s, n, m, t)                                                        \
	{                                                                             \
		.name = (n), .kind = FIELD_EMBEDDED, .offset = offsetof(struct s, m), \
		.type = &(t)                                                          \
	}
#define OBJECT_TYPE(s, table, function)                                                      \
	{                                                                                    \
		.size = sizeof(struct s), .n_fields = ELEMENTS_OF(table), .fields = (table), \
		.check = (function)                                                          \
	}

/* Places below @parent, for the check functions. */
struct place place_member(const struct place *parent, const char *name);
struct place place_element(const struct place *parent, size_t index);

/* "linux.sysctl[\"net.ipv4.ip_forward\"]": the place of @child at @at, or of @at itself when NULL; in
 * the arena. "" for the whole file, and when memory has run out, which the decoder remembers. */
const char *place_text(const struct place *at, const char *child);

/* Passes @memory on; the decoder remembers that it is NULL. */
void *give(const struct place *at, void *memory);

/* Adds a problem with the property @child of the object at @at, or with @at itself when NULL.
 * @child: a plain name of a direct member. */
void problem(const struct place *at, const char *child, const char *format, ...) _printf_(3, 4);

/* Whether the property @child at @at (or @at itself) has no problem so far, below it neither: a check of
 * two properties against each other is only worth making when both are sound. */
bool sound(const struct place *at, const char *child);

/* Whether the object has that property, and not as null. */
bool given(const struct json_value *object, const char *name);

/* Decodes @json into @ret_object, a zeroed struct of the type. Problems go to the decoder. */
void decode_object(const struct place *at, const struct object_type *type,
		   const struct json_value *json, void *ret_object);

/* 0, or all problems as one line in @err: "config.json: 2 problems: A; B". */
int decoder_finish(const struct decoder *decoder, struct error *err) _must_check_;

/* How many numbers a list such as "0-3,7" has, or -1 when it is none. Blanks around numbers are allowed;
 * a number is at most 2^20. */
int64_t list_count(const char *list);

/* ---- checks that several sections share ---- */

/* Ranges that overlap or leave 32 bits, and more than the kernel takes. @name: the property at @at. */
void check_id_mappings(const struct place *at, const char *name, size_t n_mappings,
		       const struct spec_id_mapping *mappings);

/* Whether the kernel would take the name for a network device (dev_valid_name() in net/core/dev.c).
 * @template: one "%d" is allowed, for which the kernel puts a number. */
bool is_net_device_name(const char *name, bool template);

/* ---- the sections ---- */

extern const struct object_type type_hooks;
extern const struct object_type type_id_mapping;
extern const struct object_type type_linux;
extern const struct object_type type_mount;
extern const struct object_type type_process;
extern const struct object_type type_resources;
extern const struct object_type type_seccomp;

/* Of linux.resources, what holds for a whole config.json but not for an update of limits, which is
 * merged with what was recorded. @at: the place of resources. */
void check_swap(const struct place *at, const struct spec_memory *memory);

/* Of linux.sysctl: each in a namespace of its own. @at: the place of the whole file. */
void check_sysctl(const struct place *at, const struct spec *spec);

/* Of linux.memoryPolicy. */
extern const struct object_type type_memory_policy;
