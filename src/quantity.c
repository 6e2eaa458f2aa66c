/* Numbers on the command line: whole ones, and sizes with a unit as people write them ("512M", "1.5g"). The units
 * are powers of 1024, as docker's are; a number without one is bytes, and -1 is unlimited where that
 * has a meaning. Nothing is rounded in silence: what does not fit is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "command.h"

/* More would overflow when the largest unit is divided. */
#define FRACTION_DIGITS 4
#define FRACTION 10000

static const struct {
	const char *name;
	int power;
} units[] = {
	{ "", 0 },   { "b", 0 },   { "k", 1 }, { "kb", 1 }, { "kib", 1 }, { "m", 2 },
	{ "mb", 2 }, { "mib", 2 }, { "g", 3 }, { "gb", 3 }, { "gib", 3 }, { "t", 4 },
	{ "tb", 4 }, { "tib", 4 }, { "p", 5 }, { "pb", 5 }, { "pib", 5 },
};

static int bad(const char *text, const char *name, struct error *err)
{
	return error_set(err, EINVAL, "invalid value for %s: \"%s\"", name, text);
}

int number_parse(const char *text, const char *name, int64_t least, int64_t *ret_number,
		 struct error *err)
{
	const char *digits = text + (*text == '-');
	char *end;

	errno = 0;
	*ret_number = strtoll(text, &end, 10);
	if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0 || *ret_number < least)
		return bad(text, name, err);
	return 0;
}

/* How many bytes one of the unit is; 0: there is none. */
static uint64_t unit_of(const char *name)
{
	size_t i;

	for (i = 0; i < ELEMENTS_OF(units); i++)
		if (strcasecmp(units[i].name, name) == 0)
			return (uint64_t)1 << (10 * units[i].power);
	return 0;
}

/* The digits behind a point at *text, which moves behind them, as a number of ten-thousandths. */
static int take_fraction(const char **text, uint64_t *ret_fraction)
{
	size_t n = strspn(*text, "0123456789"), i;

	*ret_fraction = 0;
	if (n == 0 || n > FRACTION_DIGITS)
		return -EINVAL;
	for (i = 0; i < FRACTION_DIGITS; i++)
		*ret_fraction = *ret_fraction * 10 + (i < n ? (uint64_t)((*text)[i] - '0') : 0);
	*text += n;
	return 0;
}

int size_parse(const char *text, const char *name, int64_t *ret_bytes, struct error *err)
{
	uint64_t whole, unit, bytes, fraction = 0;
	char *end;
	const char *rest;

	if (strcmp(text, "-1") == 0) {
		*ret_bytes = -1;
		return 0;
	}
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno != 0)
		return bad(text, name, err);
	rest = end;
	if (*rest == '.' && (rest++, take_fraction(&rest, &fraction)) < 0)
		return bad(text, name, err);
	unit = unit_of(rest + (*rest == ' '));
	if (unit == 0 || __builtin_mul_overflow(whole, unit, &bytes) ||
	    __builtin_add_overflow(bytes, unit * fraction / FRACTION, &bytes) ||
	    bytes > INT64_MAX)
		return bad(text, name, err);
	*ret_bytes = (int64_t)bytes;
	return 0;
}
