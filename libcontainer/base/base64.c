/* Base64. Strict where leniency would let two texts mean one thing: the padding must be there, nothing may
 * follow it, and the bits that it cuts off must be zero. White space is passed over, because who wraps lines
 * means nothing by it. */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int digit(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

/* A group of four digits, of which @n are no padding. Returns how many bytes it stands for, or -EINVAL. */
static int take_group(const int digits[4], int n, uint8_t *bytes)
{
	uint32_t bits = 0;
	int i;

	if (n < 2)
		return -EINVAL;
	for (i = 0; i < 4; i++)
		bits = bits << 6 | (uint32_t)(i < n ? digits[i] : 0);
	if (bits & ((1U << 8 * (4 - n)) - 1))
		return -EINVAL;
	for (i = 0; i < n - 1; i++)
		bytes[i] = (uint8_t)(bits >> (16 - 8 * i));
	return n - 1;
}

int base64_decode(const char *text, struct arena *arena, void **ret_data, size_t *ret_size)
{
	uint8_t *bytes = arena_alloc(arena, strlen(text) / 4 * 3 + 3);
	int digits[4], n = 0, padding = 0, r;
	size_t size = 0;

	if (!bytes)
		return -ENOMEM;
	for (; *text; text++) {
		if (strchr(" \t\r\n", *text))
			continue;
		if (*text == '=' && n + padding < 4 && n > 0) {
			padding++;
		} else {
			if (padding || digit(*text) < 0)
				return -EINVAL;
			digits[n++] = digit(*text);
		}
		if (n + padding < 4)
			continue;
		r = take_group(digits, n, bytes + size);
		if (r < 0)
			return r;
		size += (size_t)r;
		n = 0;
		if (padding)
			break;
	}
	if (*text)
		text += 1 + strspn(text + 1, " \t\r\n");
	if (n || *text)
		return -EINVAL;
	*ret_data = bytes;
	*ret_size = size;
	return 0;
}
