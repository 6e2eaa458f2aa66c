/* The form of a GVariant's text as a tree: gvariant_text.c reads it, gvariant.c gives it types. For these two only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

#define GVARIANT_BASIC_TYPES "bynqiuxtdsog"

enum gvariant_kind {
	GVARIANT_BOOL,
	GVARIANT_NUMBER,
	GVARIANT_STRING,
	GVARIANT_BYTES,
	GVARIANT_ARRAY, /* also a dictionary: its children are entries */
	GVARIANT_ENTRY,
	GVARIANT_TUPLE,
	GVARIANT_VARIANT,
};

struct gvariant_node {
	enum gvariant_kind kind;
	const char *given; /* the type that the text names; NULL: none */
	const char *text; /* of a literal, unquoted */
	size_t at; /* where it begins in the text */
	struct gvariant_node *first, *last,
		*next; /* children, and the next of the same parent */
	bool dictionary;
};

struct gvariant_parser {
	const char *text;
	size_t at;
	unsigned depth;
	struct arena *arena;
	struct error *err;
};

/* Writes EINVAL: @what is wrong at the character @at (counted from 0) of the text. */
int gvariant_refuse(const struct gvariant_parser *p, size_t at, const char *what) _must_check_;

/* How long the one complete type at the beginning of @type is; 0: none. @depth: 0 for who calls it. */
size_t gvariant_type_length(const char *type, unsigned depth);

/* Reads all of p->text as one value. *ret_node lives in p->arena. Errors: EINVAL, as gvariant_refuse() says them. */
int gvariant_parse_tree(struct gvariant_parser *p,
			struct gvariant_node **ret_node) _must_check_;
