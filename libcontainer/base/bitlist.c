/* Lists of numbers into bits. spec/ has checked the form of those in config.json; a list of another origin
 * is refused here as a whole, so that a half-read one is never applied. The kernel counts bits in unsigned
 * longs, the lowest number in the lowest bit of the first. */
#include "base/bitlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One number at *text, which is moved behind it and the blanks that follow. strtoul() alone would take a
 * sign as well. */
static int parse_number(const char **text, unsigned long *ret_number)
{
	char *end;

	*text += strspn(*text, " ");
	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	*ret_number = strtoul(*text, &end, 10);
	if (errno != 0)
		return -ERANGE;
	*text = end + strspn(end, " ");
	return 0;
}

static int parse_range(const char **text, size_t count, unsigned long *ret_first,
		       unsigned long *ret_last)
{
	int r;

	r = parse_number(text, ret_first);
	if (r < 0)
		return r;
	*ret_last = *ret_first;
	if (**text == '-') {
		(*text)++;
		r = parse_number(text, ret_last);
		if (r < 0)
			return r;
	}
	if (*ret_last < *ret_first)
		return -EINVAL;
	return *ret_last < count ? 0 : -ERANGE;
}

int bitlist_parse(const char *list, unsigned long *bits, size_t count)
{
	unsigned long first, last, i;
	int set = 0, r;

	memset(bits, 0, count / 8);
	if (list[strspn(list, " ")] == '\0')
		return 0;
	for (;;) {
		r = parse_range(&list, count, &first, &last);
		if (r < 0)
			return r;
		for (i = first; i <= last; i++) {
			unsigned long bit = 1UL << (i % BITLIST_WORD);

			set += !(bits[i / BITLIST_WORD] & bit);
			bits[i / BITLIST_WORD] |= bit;
		}
		if (*list == '\0')
			return set;
		if (*list++ != ',')
			return -EINVAL;
	}
}
