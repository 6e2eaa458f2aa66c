/* Base64: the examples of RFC 4648, every length, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/base64.h"

static void decodes(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ " Zm\n9v Y\tg==\r\n", "foob" },
		{ "/+8=", "\xff\xef" },
	};
	_cleanup_arena_ struct arena *arena = arena_new();
	void *data;
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_int_equal(base64_decode(pairs[i][0], arena, &data, &size), 0);
		assert_int_equal(size, strlen(pairs[i][1]));
		assert_memory_equal(data, pairs[i][1], size);
	}
}

static void refuses(void **state)
{
	static const char *const texts[] = {
		"Z",	"Zg",	     "Zg=",   "Zm8",   "=",	  "====",
		"Z===", "Zg==Zg==",  "Zg==x", "Zh==",  "Zm9=",	  "Zm-v",
		"Zm_v", "Z g = = x", "Zg=v",  "Zm9v=", "\xc3\xa9"
	};
	_cleanup_arena_ struct arena *arena = arena_new();
	void *data;
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(base64_decode(texts[i], arena, &data, &size), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
