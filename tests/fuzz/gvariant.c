/* The text of a GVariant, as annotations have it. Of an accepted one the words are well-formed: each begins with a
 * letter of its kind, every container is closed by its own mark, and the numbers are within their types. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "plan/gvariant.h"

static void check_number(const char *word)
{
	static const char types[] = "byq";
	static const unsigned long most[] = { 1, 255, 65535 };
	const char *type = strchr(types, *word);
	char *end;

	errno = 0;
	if (*word == 'd')
		strtod(word + 1, &end);
	else if (type)
		require(strtoul(word + 1, &end, 10) <= most[type - types]);
	else
		strtoull(word + 1, &end, 10);
	require(end > word + 1 && *end == '\0' && (errno == 0 || *word == 'd'));
}

static void check_words(const struct gvariant *value)
{
	static const char opening[] = "a({v", closing[] = "])}>";
	char open[4 * GVARIANT_DEPTH_MAX];
	size_t i, depth = 0;

	for (i = 0; i < value->n_words; i++) {
		const char *word = value->words[i], *mark = strchr(opening, *word);

		require(*word != '\0');
		if (mark) {
			require(depth < sizeof open);
			open[depth++] = closing[mark - opening];
		} else if (strchr(closing, *word)) {
			require(depth > 0 && open[--depth] == *word);
			require(word[1] == '\0');
		} else if (!strchr("sog", *word)) {
			require(strchr("bynqiuxtd", *word));
			check_number(word);
		}
		/* one value, not a row of them */
		require(depth > 0 || i + 1 == value->n_words);
	}
	require(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_free_ char *text = malloc(size + 1);
	struct error err = ERROR_INIT;
	struct gvariant value;
	int r;

	memcpy(text, data, size);
	text[size] = '\0';
	r = gvariant_parse(text, arena, &value, &err);
	require_result(r, &err);
	if (r < 0)
		return 0;
	require(value.signature[0] != '\0' &&
		strlen(value.signature) <= GVARIANT_SIGNATURE_MAX);
	check_words(&value);
	return 0;
}
