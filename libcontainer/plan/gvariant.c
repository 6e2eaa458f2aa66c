/* The text of a GVariant into typed words, in two steps: the form is read into a tree (gvariant_text.c), then each
 * node gets its type, from the outside in ("@at [1, 2]") and else from the first element, and becomes words. An empty
 * array of nothing, for which D-Bus has no type, is refused. */
#include "plan/gvariant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/gvariant_tree.h"

struct writer {
	struct gvariant_parser *p;
	size_t n;
	const char **words;
};

static int put(struct writer *w, char letter, const char *text)
{
	const char **grown = arena_grow(w->p->arena, w->words, w->n, sizeof *grown);
	const char *word = arena_printf(w->p->arena, "%c%s", letter, text);

	if (!grown || !word)
		return error_oom(w->p->err);
	w->words = grown;
	w->words[w->n++] = word;
	return 0;
}

static int infer(struct gvariant_parser *p, struct gvariant_node *node, const char **ret_type);

static int infer_children(struct gvariant_parser *p, const struct gvariant_node *node,
			  char begin, char end, const char **ret_type)
{
	const char *type = "", *part;
	struct gvariant_node *child;
	int r;

	for (child = node->first; child; child = child->next) {
		r = infer(p, child, &part);
		if (r < 0)
			return r;
		if (begin == '{' && child == node->first &&
		    !strchr(GVARIANT_BASIC_TYPES, *part))
			return gvariant_refuse(p, child->at, "a key that is no basic value");
		type = arena_printf(p->arena, "%s%s", type, part);
		if (!type)
			return error_oom(p->err);
		if (strlen(type) > GVARIANT_SIGNATURE_MAX - 2)
			return gvariant_refuse(p, node->at, "too long a type");
	}
	if (*type == '\0')
		return gvariant_refuse(p, node->at, "D-Bus has no empty tuple");
	*ret_type = arena_printf(p->arena, "%c%s%c", begin, type, end);
	return *ret_type ? 0 : error_oom(p->err);
}

/* The type that follows from the form alone. */
static int infer(struct gvariant_parser *p, struct gvariant_node *node, const char **ret_type)
{
	const char *element;
	int r;

	if (node->given) {
		*ret_type = node->given;
		return 0;
	}
	switch (node->kind) {
	case GVARIANT_BOOL:
		*ret_type = "b";
		return 0;
	case GVARIANT_NUMBER:
		*ret_type = strchr(node->text, '.') || (strpbrk(node->text, "eE") &&
							!strpbrk(node->text, "xX"))
				    ? "d"
				    : "i";
		return 0;
	case GVARIANT_STRING:
		*ret_type = "s";
		return 0;
	case GVARIANT_BYTES:
		*ret_type = "ay";
		return 0;
	case GVARIANT_VARIANT:
		*ret_type = "v";
		return 0;
	case GVARIANT_TUPLE:
		return infer_children(p, node, '(', ')', ret_type);
	case GVARIANT_ENTRY:
		return infer_children(p, node, '{', '}', ret_type);
	case GVARIANT_ARRAY:
		break;
	}
	if (!node->first)
		return gvariant_refuse(p, node->at,
				       "an empty array needs a type, such as @as []:");
	r = infer(p, node->first, &element);
	if (r < 0)
		return r;
	*ret_type = arena_printf(p->arena, "a%s", element);
	return *ret_type ? 0 : error_oom(p->err);
}

static int mismatch(struct writer *w, const struct gvariant_node *node, const char *type)
{
	return error_set(w->p->err, EINVAL,
			 "no value of type \"%s\" at character %zu of \"%.200s\"", type,
			 node->at + 1, w->p->text);
}

static const struct {
	char type;
	int64_t least;
	uint64_t most;
} ranges[] = {
	{ 'y', 0, UINT8_MAX },	{ 'n', INT16_MIN, INT16_MAX },
	{ 'q', 0, UINT16_MAX }, { 'i', INT32_MIN, INT32_MAX },
	{ 'u', 0, UINT32_MAX }, { 'x', INT64_MIN, INT64_MAX },
	{ 't', 0, UINT64_MAX },
};

static int put_integer(struct writer *w, const struct gvariant_node *node, size_t range)
{
	bool negative = node->text[0] == '-';
	const char *digits = node->text + (negative || node->text[0] == '+');
	const char type[2] = { ranges[range].type };
	char copy[32], *end;
	uint64_t value;

	errno = 0;
	value = strtoull(digits, &end, 0);
	if (*digits < '0' || *digits > '9' || *end != '\0')
		return mismatch(w, node, type);
	if (errno != 0 || (!negative && value > ranges[range].most) ||
	    (negative && value > (uint64_t) - (ranges[range].least + 1) + 1) ||
	    (negative && value > 0 && ranges[range].least == 0))
		return gvariant_refuse(w->p, node->at, "a number out of its type's range");
	snprintf(copy, sizeof copy, "%s%" PRIu64, negative && value ? "-" : "", value);
	return put(w, ranges[range].type, copy);
}

static int put_double(struct writer *w, const struct gvariant_node *node)
{
	char copy[64], *end;
	double value;

	/* no words, no hexadecimal forms: what strtod() takes besides */
	if (strspn(node->text, "0123456789+-.eE") != strlen(node->text))
		return mismatch(w, node, "d");
	errno = 0;
	value = strtod(node->text, &end);
	if (end == node->text || *end != '\0' || errno == ERANGE)
		return mismatch(w, node, "d");
	snprintf(copy, sizeof copy, "%.17g", value);
	return put(w, 'd', copy);
}

static int put_basic(struct writer *w, const struct gvariant_node *node, const char *type)
{
	size_t i;

	if (*type == 'b')
		return node->kind == GVARIANT_BOOL ? put(w, 'b', node->text)
						   : mismatch(w, node, type);
	if (strchr("sog", *type))
		return node->kind == GVARIANT_STRING ? put(w, *type, node->text)
						     : mismatch(w, node, type);
	if (node->kind != GVARIANT_NUMBER)
		return mismatch(w, node, type);
	if (*type == 'd')
		return put_double(w, node);
	for (i = 0; ranges[i].type != *type; i++)
		;
	return put_integer(w, node, i);
}

static int put_node(struct writer *w, struct gvariant_node *node, const char *type);

static int put_bytes(struct writer *w, const struct gvariant_node *node)
{
	const unsigned char *byte = (const void *)node->text;
	char number[4];
	int r = put(w, 'a', "y");

	do {
		snprintf(number, sizeof number, "%u", *byte);
		if (r >= 0)
			r = put(w, 'y', number);
	} while (*byte++ && r >= 0);
	return r < 0 ? r : put(w, ']', "");
}

static int put_array(struct writer *w, const struct gvariant_node *node, const char *type)
{
	struct gvariant_node *child;
	int r;

	if (node->kind == GVARIANT_BYTES && strcmp(type, "ay") == 0)
		return put_bytes(w, node);
	if (node->kind != GVARIANT_ARRAY || node->dictionary != (type[1] == '{'))
		return mismatch(w, node, type);
	r = put(w, 'a', type + 1);
	for (child = node->first; child && r >= 0; child = child->next)
		r = put_node(w, child, type + 1);
	return r < 0 ? r : put(w, ']', "");
}

/* A tuple or an entry: @type is in its brackets. */
static int put_members(struct writer *w, const struct gvariant_node *node, const char *type)
{
	const char *rest = type + 1, *inner, *one;
	size_t length = strlen(type);
	struct gvariant_node *child;
	int r;

	if (node->kind != (*type == '(' ? GVARIANT_TUPLE : GVARIANT_ENTRY))
		return mismatch(w, node, type);
	inner = arena_strndup(w->p->arena, type + 1, length - 2);
	if (!inner)
		return error_oom(w->p->err);
	r = put(w, *type, inner);
	for (child = node->first; child && r >= 0; child = child->next) {
		size_t part = gvariant_type_length(rest, 0);

		if (part == 0)
			return mismatch(w, node, type);
		one = arena_strndup(w->p->arena, rest, part);
		if (!one)
			return error_oom(w->p->err);
		rest += part;
		r = put_node(w, child, one);
	}
	if (r >= 0 && rest != type + length - 1)
		return mismatch(w, node, type);
	return r < 0 ? r : put(w, *type == '(' ? ')' : '}', "");
}

static int put_variant(struct writer *w, const struct gvariant_node *node)
{
	const char *type;
	int r;

	if (node->kind != GVARIANT_VARIANT)
		return mismatch(w, node, "v");
	r = infer(w->p, node->first, &type);
	if (r >= 0)
		r = put(w, 'v', type);
	if (r >= 0)
		r = put_node(w, node->first, type);
	return r < 0 ? r : put(w, '>', "");
}

static int put_node(struct writer *w, struct gvariant_node *node, const char *type)
{
	if (node->given && strcmp(node->given, type) != 0)
		return mismatch(w, node, type);
	switch (*type) {
	case 'v':
		return put_variant(w, node);
	case 'a':
		return put_array(w, node, type);
	case '(':
	case '{':
		return put_members(w, node, type);
	default:
		return put_basic(w, node, type);
	}
}

int gvariant_parse(const char *text, struct arena *arena, struct gvariant *ret_value,
		   struct error *err)
{
	struct gvariant_parser p = { .text = text, .arena = arena, .err = err };
	struct writer w = { .p = &p };
	struct gvariant_node *node = NULL;
	const char *type;
	int r;

	if (strlen(text) > GVARIANT_TEXT_MAX)
		return error_set(err, E2BIG, "longer than %d bytes", GVARIANT_TEXT_MAX);
	r = gvariant_parse_tree(&p, &node);
	if (r < 0)
		return r;
	r = infer(&p, node, &type);
	if (r >= 0 && strlen(type) > GVARIANT_SIGNATURE_MAX)
		r = error_set(err, E2BIG, "its type has more than %d letters",
			      GVARIANT_SIGNATURE_MAX);
	if (r >= 0)
		r = put_node(&w, node, type);
	if (r < 0)
		return r;
	*ret_value = (struct gvariant){ type, w.n, w.words };
	return 0;
}
