/* The text of a GVariant into typed words, in two steps: the form is parsed into a tree, then each node gets
 * its type, from the outside in ("@at [1, 2]") and else from the first element. What D-Bus has no type for
 * (maybe, an empty array of nothing) is refused. The text comes from annotations, so depth and length are
 * limited, and every character must belong to something. */
#include "plan/gvariant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define BASIC_TYPES "bynqiuxtdsog"

enum kind {
	KIND_BOOL,
	KIND_NUMBER,
	KIND_STRING,
	KIND_BYTES,
	KIND_ARRAY, /* also a dictionary: its children are entries */
	KIND_ENTRY,
	KIND_TUPLE,
	KIND_VARIANT,
};

struct node {
	enum kind kind;
	const char *given; /* the type that the text names; NULL: none */
	const char *text; /* of a literal, unquoted */
	size_t at; /* where it begins in the text */
	struct node *first, *last, *next; /* children, and the next of the same parent */
	bool dictionary;
};

struct parser {
	const char *text;
	size_t at;
	unsigned depth;
	struct arena *arena;
	struct error *err;
};

static int refuse(const struct parser *p, size_t at, const char *what)
{
	return error_set(p->err, EINVAL, "%s at character %zu of \"%.200s\"", what, at + 1,
			 p->text);
}

static void skip_space(struct parser *p)
{
	p->at += strspn(p->text + p->at, " \t\n\r");
}

/* Takes @mark if it comes next. */
static bool take(struct parser *p, char mark)
{
	skip_space(p);
	if (p->text[p->at] != mark)
		return false;
	p->at++;
	return true;
}

/* ---- types ---- */

/* How long the one complete type at the beginning of @type is; 0: none. */
static size_t type_length(const char *type, unsigned depth)
{
	size_t length = 1, part;

	if (depth > GVARIANT_DEPTH_MAX || *type == '\0')
		return 0;
	if (strchr(BASIC_TYPES "v", *type))
		return 1;
	if (*type == 'a') {
		part = type_length(type + 1, depth + 1);
		return part ? 1 + part : 0;
	}
	if (*type == '{') {
		if (type[1] == '\0' || !strchr(BASIC_TYPES, type[1]))
			return 0;
		part = type_length(type + 2, depth + 1);
		return part && type[2 + part] == '}' ? part + 3 : 0;
	}
	if (*type != '(')
		return 0;
	while (type[length] != ')') {
		part = type_length(type + length, depth + 1);
		if (part == 0)
			return 0;
		length += part;
	}
	return length > 1 ? length + 1 : 0;
}

/* Entries are there only as elements of arrays. */
static bool entries_in_arrays(const char *type, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (type[i] == '{' && (i == 0 || type[i - 1] != 'a'))
			return false;
	return true;
}

static int parse_given(struct parser *p, const char **ret_type)
{
	const char *type = p->text + p->at;
	size_t length = type_length(type, 0);

	if (length == 0 || length > GVARIANT_SIGNATURE_MAX || !entries_in_arrays(type, length))
		return refuse(p, p->at, "no type that D-Bus knows");
	*ret_type = arena_strndup(p->arena, type, length);
	p->at += length;
	return *ret_type ? 0 : error_oom(p->err);
}

static const struct {
	const char *word, *type;
} keywords[] = {
	{ "boolean", "b" }, { "byte", "y" },   { "int16", "n" },      { "uint16", "q" },
	{ "int32", "i" },   { "uint32", "u" }, { "int64", "x" },      { "uint64", "t" },
	{ "double", "d" },  { "string", "s" }, { "objectpath", "o" }, { "signature", "g" },
};

/* ---- literals ---- */

static size_t put_utf8(char *out, uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xC0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xE0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3F));
		out[2] = (char)(0x80 | (code & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3F));
	out[2] = (char)(0x80 | (code >> 6 & 0x3F));
	out[3] = (char)(0x80 | (code & 0x3F));
	return 4;
}

/* The digits behind \u, \U or of an octal escape. */
static int escaped_number(struct parser *p, unsigned least, unsigned most, int base,
			  uint32_t *ret_number)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t number = 0;
	unsigned n;

	for (n = 0; n < most; n++) {
		char c = p->text[p->at];
		const char *digit;

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		digit = c ? memchr(digits, c, (size_t)base) : NULL;
		if (!digit)
			break;
		number = number * (uint32_t)base + (uint32_t)(digit - digits);
		p->at++;
	}
	if (n < least)
		return refuse(p, p->at, "an incomplete escape");
	*ret_number = number;
	return 0;
}

/* What stands behind a backslash. Returns how many bytes it is. */
static int parse_escape(struct parser *p, bool bytes, char out[4])
{
	static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
	size_t at = p->at;
	char c = p->text[p->at];
	const char *letter = c ? strchr(letters, c) : NULL;
	uint32_t code = 0;
	int r;

	if (c == '\0')
		return refuse(p, at, "a string without an end");
	if (bytes && c >= '0' && c <= '7') {
		r = escaped_number(p, 1, 3, 8, &code);
		if (r < 0)
			return r;
		if (code == 0 || code > 255)
			return refuse(p, at, "no byte of a string");
		out[0] = (char)code;
		return 1;
	}
	p->at++;
	if (!bytes && (c == 'u' || c == 'U')) {
		r = escaped_number(p, c == 'u' ? 4 : 8, c == 'u' ? 4 : 8, 16, &code);
		if (r < 0)
			return r;
		if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
			return refuse(p, at, "no character");
		return (int)put_utf8(out, code);
	}
	if (c == '\n')
		return 0;
	out[0] = letter ? meanings[letter - letters] : c;
	return 1;
}

/* From the opening quote on. */
static int parse_quoted(struct parser *p, bool bytes, const char **ret_text)
{
	size_t start = p->at, length = 0;
	char quote = p->text[p->at++], *out;
	int r;

	out = arena_alloc(p->arena, strlen(p->text + p->at) + 1);
	if (!out)
		return error_oom(p->err);
	while (p->text[p->at] != quote) {
		char c = p->text[p->at];

		if (c == '\0')
			return refuse(p, start, "a string without an end");
		p->at++;
		if (c != '\\') {
			out[length++] = c;
			continue;
		}
		r = parse_escape(p, bytes, out + length);
		if (r < 0)
			return r;
		length += (size_t)r;
	}
	p->at++;
	*ret_text = out;
	return 0;
}

/* ---- the tree ---- */

static int parse_value(struct parser *p, struct node **ret_node);

static struct node *new_node(struct parser *p, enum kind kind)
{
	struct node *node = arena_alloc(p->arena, sizeof *node);

	if (!node) {
		error_oom(p->err);
		return NULL;
	}
	node->kind = kind;
	node->at = p->at;
	return node;
}

static void add_child(struct node *parent, struct node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

/* "KEY: VALUE" when @key was read already. */
static int parse_entry(struct parser *p, struct node *key, struct node **ret_entry)
{
	struct node *entry = new_node(p, KIND_ENTRY), *value;
	int r;

	if (!entry)
		return -ENOMEM;
	if (!take(p, ':'))
		return refuse(p, p->at, "a dictionary's \":\" is missing");
	r = parse_value(p, &value);
	if (r < 0)
		return r;
	add_child(entry, key);
	add_child(entry, value);
	*ret_entry = entry;
	return 0;
}

/* Up to @end, separated by commas; a tuple may have one more comma at its end, which "(1,)" needs. */
static int parse_children(struct parser *p, struct node *parent, char end)
{
	struct node *child;
	int r;

	if (take(p, end))
		return 0;
	for (;;) {
		r = parse_value(p, &child);
		if (r >= 0 && parent->dictionary)
			r = parse_entry(p, child, &child);
		if (r < 0)
			return r;
		add_child(parent, child);
		if (take(p, end))
			break;
		if (!take(p, ','))
			return refuse(p, p->at, "neither \",\" nor an end");
		if (end == ')' && take(p, end))
			return 0;
	}
	if (end == ')' && parent->first == parent->last)
		return refuse(p, parent->at, "a tuple of one without \",\"");
	return 0;
}

static int parse_container(struct parser *p, char begin, struct node **ret_node)
{
	enum kind kind = begin == '(' ? KIND_TUPLE : begin == '<' ? KIND_VARIANT : KIND_ARRAY;
	struct node *node = new_node(p, kind), *child;
	int r;

	if (!node)
		return -ENOMEM;
	*ret_node = node;
	node->dictionary = begin == '{';
	p->at++;
	if (kind != KIND_VARIANT)
		return parse_children(p, node, begin == '(' ? ')' : begin == '[' ? ']' : '}');
	r = parse_value(p, &child);
	if (r < 0)
		return r;
	add_child(node, child);
	return take(p, '>') ? 0 : refuse(p, p->at, "a variant without its \">\"");
}

static int parse_number(struct parser *p, struct node **ret_node)
{
	size_t length = strspn(p->text + p->at, "0123456789abcdefABCDEFxX.+-");
	struct node *node = new_node(p, KIND_NUMBER);

	if (!node)
		return -ENOMEM;
	node->text = arena_strndup(p->arena, p->text + p->at, length);
	if (!node->text)
		return error_oom(p->err);
	p->at += length;
	*ret_node = node;
	return 0;
}

/* A word: true, false, or the name of a type in front of a value. */
static int parse_word(struct parser *p, struct node **ret_node)
{
	size_t start = p->at,
	       length = strspn(p->text + start, "abcdefghijklmnopqrstuvwxyz0123456789"), i;
	const char *word = p->text + start;
	int r;

	if ((length == 4 && memcmp(word, "true", 4) == 0) ||
	    (length == 5 && memcmp(word, "false", 5) == 0)) {
		*ret_node = new_node(p, KIND_BOOL);
		if (!*ret_node)
			return -ENOMEM;
		(*ret_node)->text = *word == 't' ? "1" : "0";
		p->at += length;
		return 0;
	}
	for (i = 0; i < ELEMENTS_OF(keywords); i++) {
		if (strlen(keywords[i].word) != length ||
		    memcmp(word, keywords[i].word, length) != 0)
			continue;
		p->at += length;
		r = parse_value(p, ret_node);
		if (r < 0)
			return r;
		if ((*ret_node)->given)
			return refuse(p, start, "two types for one value");
		(*ret_node)->given = keywords[i].type;
		return 0;
	}
	return refuse(p, start, "an unknown word");
}

static int parse_typed(struct parser *p, struct node **ret_node)
{
	size_t start = p->at++;
	const char *type;
	int r = parse_given(p, &type);

	if (r >= 0)
		r = parse_value(p, ret_node);
	if (r < 0)
		return r;
	if ((*ret_node)->given)
		return refuse(p, start, "two types for one value");
	(*ret_node)->given = type;
	return 0;
}

static int parse_text(struct parser *p, struct node **ret_node)
{
	bool bytes = p->text[p->at] == 'b';
	struct node *node = new_node(p, bytes ? KIND_BYTES : KIND_STRING);

	if (!node)
		return -ENOMEM;
	*ret_node = node;
	p->at += bytes;
	return parse_quoted(p, bytes, &node->text);
}

static int parse_any(struct parser *p, struct node **ret_node)
{
	char c;

	skip_space(p);
	c = p->text[p->at];
	if (c == '\0')
		return refuse(p, p->at, "a value is missing");
	if (c == '\'' || c == '"' ||
	    (c == 'b' && (p->text[p->at + 1] == '\'' || p->text[p->at + 1] == '"')))
		return parse_text(p, ret_node);
	if (strchr("[({<", c))
		return parse_container(p, c, ret_node);
	if (strchr("0123456789+-.", c))
		return parse_number(p, ret_node);
	if (c == '@')
		return parse_typed(p, ret_node);
	return parse_word(p, ret_node);
}

static int parse_value(struct parser *p, struct node **ret_node)
{
	int r;

	if (++p->depth > GVARIANT_DEPTH_MAX)
		return refuse(p, p->at, "nested too deeply");
	r = parse_any(p, ret_node);
	p->depth--;
	return r;
}

/* ---- types for the tree, and the words ---- */

struct writer {
	struct parser *p;
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

static int infer(struct parser *p, struct node *node, const char **ret_type);

static int infer_children(struct parser *p, const struct node *node, char begin, char end,
			  const char **ret_type)
{
	const char *type = "", *part;
	struct node *child;
	int r;

	for (child = node->first; child; child = child->next) {
		r = infer(p, child, &part);
		if (r < 0)
			return r;
		if (begin == '{' && child == node->first && !strchr(BASIC_TYPES, *part))
			return refuse(p, child->at, "a key that is no basic value");
		type = arena_printf(p->arena, "%s%s", type, part);
		if (!type)
			return error_oom(p->err);
		if (strlen(type) > GVARIANT_SIGNATURE_MAX - 2)
			return refuse(p, node->at, "too long a type");
	}
	if (*type == '\0')
		return refuse(p, node->at, "D-Bus has no empty tuple");
	*ret_type = arena_printf(p->arena, "%c%s%c", begin, type, end);
	return *ret_type ? 0 : error_oom(p->err);
}

/* The type that follows from the form alone. */
static int infer(struct parser *p, struct node *node, const char **ret_type)
{
	const char *element;
	int r;

	if (node->given) {
		*ret_type = node->given;
		return 0;
	}
	switch (node->kind) {
	case KIND_BOOL:
		*ret_type = "b";
		return 0;
	case KIND_NUMBER:
		*ret_type = strchr(node->text, '.') || (strpbrk(node->text, "eE") &&
							!strpbrk(node->text, "xX"))
				    ? "d"
				    : "i";
		return 0;
	case KIND_STRING:
		*ret_type = "s";
		return 0;
	case KIND_BYTES:
		*ret_type = "ay";
		return 0;
	case KIND_VARIANT:
		*ret_type = "v";
		return 0;
	case KIND_TUPLE:
		return infer_children(p, node, '(', ')', ret_type);
	case KIND_ENTRY:
		return infer_children(p, node, '{', '}', ret_type);
	case KIND_ARRAY:
		break;
	}
	if (!node->first)
		return refuse(p, node->at, "an empty array needs a type, such as @as []:");
	r = infer(p, node->first, &element);
	if (r < 0)
		return r;
	*ret_type = arena_printf(p->arena, "a%s", element);
	return *ret_type ? 0 : error_oom(p->err);
}

static int mismatch(struct writer *w, const struct node *node, const char *type)
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

static int put_integer(struct writer *w, const struct node *node, size_t range)
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
		return refuse(w->p, node->at, "a number out of its type's range");
	snprintf(copy, sizeof copy, "%s%" PRIu64, negative && value ? "-" : "", value);
	return put(w, ranges[range].type, copy);
}

static int put_double(struct writer *w, const struct node *node)
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

static int put_basic(struct writer *w, const struct node *node, const char *type)
{
	size_t i;

	if (*type == 'b')
		return node->kind == KIND_BOOL ? put(w, 'b', node->text)
					       : mismatch(w, node, type);
	if (strchr("sog", *type))
		return node->kind == KIND_STRING ? put(w, *type, node->text)
						 : mismatch(w, node, type);
	if (node->kind != KIND_NUMBER)
		return mismatch(w, node, type);
	if (*type == 'd')
		return put_double(w, node);
	for (i = 0; ranges[i].type != *type; i++)
		;
	return put_integer(w, node, i);
}

static int put_node(struct writer *w, struct node *node, const char *type);

static int put_bytes(struct writer *w, const struct node *node)
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

static int put_array(struct writer *w, const struct node *node, const char *type)
{
	struct node *child;
	int r;

	if (node->kind == KIND_BYTES && strcmp(type, "ay") == 0)
		return put_bytes(w, node);
	if (node->kind != KIND_ARRAY || node->dictionary != (type[1] == '{'))
		return mismatch(w, node, type);
	r = put(w, 'a', type + 1);
	for (child = node->first; child && r >= 0; child = child->next)
		r = put_node(w, child, type + 1);
	return r < 0 ? r : put(w, ']', "");
}

/* A tuple or an entry: @type is in its brackets. */
static int put_members(struct writer *w, const struct node *node, const char *type)
{
	const char *rest = type + 1, *inner, *one;
	size_t length = strlen(type);
	struct node *child;
	int r;

	if (node->kind != (*type == '(' ? KIND_TUPLE : KIND_ENTRY))
		return mismatch(w, node, type);
	inner = arena_strndup(w->p->arena, type + 1, length - 2);
	if (!inner)
		return error_oom(w->p->err);
	r = put(w, *type, inner);
	for (child = node->first; child && r >= 0; child = child->next) {
		size_t part = type_length(rest, 0);

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

static int put_variant(struct writer *w, const struct node *node)
{
	const char *type;
	int r;

	if (node->kind != KIND_VARIANT)
		return mismatch(w, node, "v");
	r = infer(w->p, node->first, &type);
	if (r >= 0)
		r = put(w, 'v', type);
	if (r >= 0)
		r = put_node(w, node->first, type);
	return r < 0 ? r : put(w, '>', "");
}

static int put_node(struct writer *w, struct node *node, const char *type)
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
	struct parser p = { .text = text, .arena = arena, .err = err };
	struct writer w = { .p = &p };
	struct node *node = NULL;
	const char *type;
	int r;

	if (strlen(text) > GVARIANT_TEXT_MAX)
		return error_set(err, E2BIG, "longer than %d bytes", GVARIANT_TEXT_MAX);
	r = parse_value(&p, &node);
	if (r < 0)
		return r;
	skip_space(&p);
	if (text[p.at])
		return refuse(&p, p.at, "something behind the value");
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
