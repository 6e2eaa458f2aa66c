/* The text of a GVariant, read into a tree of its form: literals, containers, and the types that the text names
 * ("@at", "uint64"). The text comes from annotations, so depth and length are limited, and every character must
 * belong to something. What D-Bus has no type for (maybe) is refused. */
#include "plan/gvariant_tree.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/gvariant.h"

int gvariant_refuse(const struct gvariant_parser *p, size_t at, const char *what)
{
	return error_set(p->err, EINVAL, "%s at character %zu of \"%.200s\"", what, at + 1,
			 p->text);
}

static void skip_space(struct gvariant_parser *p)
{
	p->at += strspn(p->text + p->at, " \t\n\r");
}

/* Takes @mark if it comes next. */
static bool take(struct gvariant_parser *p, char mark)
{
	skip_space(p);
	if (p->text[p->at] != mark)
		return false;
	p->at++;
	return true;
}

/* ---- types ---- */

size_t gvariant_type_length(const char *type, unsigned depth)
{
	size_t length = 1, part;

	if (depth > GVARIANT_DEPTH_MAX || *type == '\0')
		return 0;
	if (strchr(GVARIANT_BASIC_TYPES "v", *type))
		return 1;
	if (*type == 'a') {
		part = gvariant_type_length(type + 1, depth + 1);
		return part ? 1 + part : 0;
	}
	if (*type == '{') {
		if (type[1] == '\0' || !strchr(GVARIANT_BASIC_TYPES, type[1]))
			return 0;
		part = gvariant_type_length(type + 2, depth + 1);
		return part && type[2 + part] == '}' ? part + 3 : 0;
	}
	if (*type != '(')
		return 0;
	while (type[length] != ')') {
		part = gvariant_type_length(type + length, depth + 1);
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

static int parse_given(struct gvariant_parser *p, const char **ret_type)
{
	const char *type = p->text + p->at;
	size_t length = gvariant_type_length(type, 0);

	if (length == 0 || length > GVARIANT_SIGNATURE_MAX || !entries_in_arrays(type, length))
		return gvariant_refuse(p, p->at, "no type that D-Bus knows");
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
static int escaped_number(struct gvariant_parser *p, unsigned least, unsigned most, int base,
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
		return gvariant_refuse(p, p->at, "an incomplete escape");
	*ret_number = number;
	return 0;
}

/* What stands behind a backslash. Returns how many bytes it is. */
static int parse_escape(struct gvariant_parser *p, bool bytes, char out[4])
{
	static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
	size_t at = p->at;
	char c = p->text[p->at];
	const char *letter = c ? strchr(letters, c) : NULL;
	uint32_t code = 0;
	int r;

	if (c == '\0')
		return gvariant_refuse(p, at, "a string without an end");
	if (bytes && c >= '0' && c <= '7') {
		r = escaped_number(p, 1, 3, 8, &code);
		if (r < 0)
			return r;
		if (code == 0 || code > 255)
			return gvariant_refuse(p, at, "no byte of a string");
		out[0] = (char)code;
		return 1;
	}
	p->at++;
	if (!bytes && (c == 'u' || c == 'U')) {
		r = escaped_number(p, c == 'u' ? 4 : 8, c == 'u' ? 4 : 8, 16, &code);
		if (r < 0)
			return r;
		if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
			return gvariant_refuse(p, at, "no character");
		return (int)put_utf8(out, code);
	}
	if (c == '\n')
		return 0;
	out[0] = letter ? meanings[letter - letters] : c;
	return 1;
}

/* From the opening quote on. */
static int parse_quoted(struct gvariant_parser *p, bool bytes, const char **ret_text)
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
			return gvariant_refuse(p, start, "a string without an end");
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

static int parse_value(struct gvariant_parser *p, struct gvariant_node **ret_node);

static struct gvariant_node *new_node(struct gvariant_parser *p, enum gvariant_kind kind)
{
	struct gvariant_node *node = arena_alloc(p->arena, sizeof *node);

	if (!node) {
		error_oom(p->err);
		return NULL;
	}
	node->kind = kind;
	node->at = p->at;
	return node;
}

static void add_child(struct gvariant_node *parent, struct gvariant_node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

/* "KEY: VALUE" when @key was read already. */
static int parse_entry(struct gvariant_parser *p, struct gvariant_node *key,
		       struct gvariant_node **ret_entry)
{
	struct gvariant_node *entry = new_node(p, GVARIANT_ENTRY), *value;
	int r;

	if (!entry)
		return -ENOMEM;
	if (!take(p, ':'))
		return gvariant_refuse(p, p->at, "a dictionary's \":\" is missing");
	r = parse_value(p, &value);
	if (r < 0)
		return r;
	add_child(entry, key);
	add_child(entry, value);
	*ret_entry = entry;
	return 0;
}

/* Up to @end, separated by commas; a tuple may have one more comma at its end, which "(1,)" needs. */
static int parse_children(struct gvariant_parser *p, struct gvariant_node *parent, char end)
{
	struct gvariant_node *child;
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
			return gvariant_refuse(p, p->at, "neither \",\" nor an end");
		if (end == ')' && take(p, end))
			return 0;
	}
	if (end == ')' && parent->first == parent->last)
		return gvariant_refuse(p, parent->at, "a tuple of one without \",\"");
	return 0;
}

static int parse_container(struct gvariant_parser *p, char begin,
			   struct gvariant_node **ret_node)
{
	enum gvariant_kind kind = begin == '('	 ? GVARIANT_TUPLE
				  : begin == '<' ? GVARIANT_VARIANT
						 : GVARIANT_ARRAY;
	struct gvariant_node *node = new_node(p, kind), *child;
	int r;

	if (!node)
		return -ENOMEM;
	*ret_node = node;
	node->dictionary = begin == '{';
	p->at++;
	if (kind != GVARIANT_VARIANT)
		return parse_children(p, node, begin == '(' ? ')' : begin == '[' ? ']' : '}');
	r = parse_value(p, &child);
	if (r < 0)
		return r;
	add_child(node, child);
	return take(p, '>') ? 0 : gvariant_refuse(p, p->at, "a variant without its \">\"");
}

static int parse_number(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	size_t length = strspn(p->text + p->at, "0123456789abcdefABCDEFxX.+-");
	struct gvariant_node *node = new_node(p, GVARIANT_NUMBER);

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
static int parse_word(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	size_t start = p->at,
	       length = strspn(p->text + start, "abcdefghijklmnopqrstuvwxyz0123456789"), i;
	const char *word = p->text + start;
	int r;

	if ((length == 4 && memcmp(word, "true", 4) == 0) ||
	    (length == 5 && memcmp(word, "false", 5) == 0)) {
		*ret_node = new_node(p, GVARIANT_BOOL);
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
			return gvariant_refuse(p, start, "two types for one value");
		(*ret_node)->given = keywords[i].type;
		return 0;
	}
	return gvariant_refuse(p, start, "an unknown word");
}

static int parse_typed(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	size_t start = p->at++;
	const char *type;
	int r = parse_given(p, &type);

	if (r >= 0)
		r = parse_value(p, ret_node);
	if (r < 0)
		return r;
	if ((*ret_node)->given)
		return gvariant_refuse(p, start, "two types for one value");
	(*ret_node)->given = type;
	return 0;
}

static int parse_text(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	bool bytes = p->text[p->at] == 'b';
	struct gvariant_node *node = new_node(p, bytes ? GVARIANT_BYTES : GVARIANT_STRING);

	if (!node)
		return -ENOMEM;
	*ret_node = node;
	p->at += bytes;
	return parse_quoted(p, bytes, &node->text);
}

static int parse_any(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	char c;

	skip_space(p);
	c = p->text[p->at];
	if (c == '\0')
		return gvariant_refuse(p, p->at, "a value is missing");
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

static int parse_value(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	int r;

	if (++p->depth > GVARIANT_DEPTH_MAX)
		return gvariant_refuse(p, p->at, "nested too deeply");
	r = parse_any(p, ret_node);
	p->depth--;
	return r;
}

int gvariant_parse_tree(struct gvariant_parser *p, struct gvariant_node **ret_node)
{
	int r = parse_value(p, ret_node);

	if (r < 0)
		return r;
	skip_space(p);
	return p->text[p->at] ? gvariant_refuse(p, p->at, "something behind the value") : 0;
}
