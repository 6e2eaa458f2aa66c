/* Where the decoder stands in the file, and what it found wrong there. Places are made into text only
 * for a problem, so that a good file pays nothing for them. A hostile file may have a million problems:
 * only the first are kept, the others counted. */
#include "spec/decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_SHOWN 100 /* bytes of a key that a message repeats */
#define PROBLEMS_KEPT 64

struct place place_member(const struct place *parent, const char *name)
{
	return (struct place){ .decoder = parent->decoder, .parent = parent, .name = name };
}

struct place place_element(const struct place *parent, size_t index)
{
	return (struct place){ .decoder = parent->decoder, .parent = parent, .index = index };
}

void *give(const struct place *at, void *memory)
{
	if (!memory)
		at->decoder->out_of_memory = true;
	return memory;
}

static bool is_plain(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_") == strlen(name);
}

const char *place_text(const struct place *at, const char *child)
{
	struct decoder *decoder = at->decoder;
	struct place below;
	const char *parent;
	char *text;

	if (child) {
		below = place_member(at, child);
		return place_text(&below, NULL);
	}
	if (!at->parent)
		return "";
	parent = place_text(at->parent, NULL);
	if (!at->name)
		text = arena_printf(decoder->arena, "%s[%zu]", parent, at->index);
	else if (is_plain(at->name))
		text = arena_printf(decoder->arena, "%s%s%s", parent, *parent ? "." : "",
				    at->name);
	else
		text = arena_printf(decoder->arena, "%s[\"%.*s\"]", parent, NAME_SHOWN,
				    at->name);
	give(at, text);
	return text ? text : "";
}

void problem(const struct place *at, const char *child, const char *format, ...)
{
	struct decoder *decoder = at->decoder;
	struct problem *grown;
	char text[512];
	va_list arguments;

	if (decoder->n_problems >= PROBLEMS_KEPT) {
		decoder->n_problems++;
		return;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	grown = give(at, arena_grow(decoder->arena, decoder->problems, decoder->n_problems,
				    sizeof *grown));
	if (!grown)
		return;
	decoder->problems = grown;
	grown[decoder->n_problems].path = place_text(at, child);
	grown[decoder->n_problems].text = give(at, arena_strdup(decoder->arena, text));
	decoder->n_problems++;
}

bool sound(const struct place *at, const char *child)
{
	const struct decoder *decoder = at->decoder;
	const char *path;
	size_t i, length;

	if (decoder->n_problems == 0)
		return true;
	if (decoder->n_problems > PROBLEMS_KEPT)
		return false;
	path = place_text(at, child);
	length = strlen(path);
	for (i = 0; i < decoder->n_problems; i++) {
		const char *other = decoder->problems[i].path;

		if (strncmp(other, path, length) == 0 && strchr(".[", other[length]))
			return false; /* strchr also finds the end of the text */
	}
	return true;
}

/* Appends what fits. */
static void put(char *text, size_t size, const char *piece)
{
	size_t length = strlen(text), more = strlen(piece);

	if (more > size - length - 1)
		more = size - length - 1;
	memcpy(text + length, piece, more);
	text[length + more] = '\0';
}

int decoder_finish(const struct decoder *decoder, struct error *err)
{
	char text[ERROR_TEXT_MAX - 100] = "";
	size_t i;
	char *at;

	if (decoder->out_of_memory)
		return error_oom(err);
	if (decoder->n_problems == 0)
		return 0;
	for (i = 0; i < decoder->n_problems && i < PROBLEMS_KEPT; i++) {
		const struct problem *each = &decoder->problems[i];

		if (i > 0 &&
		    strlen(text) + strlen(each->path) + strlen(each->text) + 5 > sizeof text)
			break;
		put(text, sizeof text, i > 0 ? "; " : "");
		put(text, sizeof text, each->path);
		put(text, sizeof text, *each->path ? ": " : "");
		put(text, sizeof text, each->text);
	}
	/* one line, whatever strings of the file it repeats */
	for (at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	if (decoder->n_problems == 1)
		return error_set(err, EINVAL, "%s: %s", decoder->name, text);
	if (i < decoder->n_problems)
		return error_set(err, EINVAL, "%s: %zu problems: %s; and %zu more",
				 decoder->name, decoder->n_problems, text,
				 decoder->n_problems - i);
	return error_set(err, EINVAL, "%s: %zu problems: %s", decoder->name,
			 decoder->n_problems, text);
}
