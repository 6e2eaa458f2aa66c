/* Durations as Go writes them, which is how callers give intervals: "5s", "1m30s", "1.5h", "300ms". Whatever is
 * not one of its units or has none is refused, as there; "0" alone needs none. What is longer than poll(2) can
 * wait is refused as well. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"

static const struct {
	const char *name;
	double ms;
} units[] = {
	{ "ns", 1e-6 }, { "us", 1e-3 }, { "µs", 1e-3 }, { "μs", 1e-3 },
	{ "ms", 1 },	{ "s", 1e3 },	{ "m", 60e3 },	{ "h", 3600e3 },
};

/* The milliseconds of the unit at *text, which moves behind it; 0: none. */
static double take_unit(const char **text)
{
	size_t length = strcspn(*text, "0123456789."), i;

	for (i = 0; i < ELEMENTS_OF(units); i++) {
		if (strlen(units[i].name) == length &&
		    memcmp(*text, units[i].name, length) == 0) {
			*text += length;
			return units[i].ms;
		}
	}
	return 0;
}

/* The decimal number at *text, which moves behind it; negative: none. */
static double take_number(const char **text)
{
	size_t whole = strspn(*text, "0123456789"), part = 0;
	const char *digits = *text;
	double number = 0, weight = 0.1;
	size_t i;

	if (digits[whole] == '.')
		part = strspn(digits + whole + 1, "0123456789");
	if (whole + part == 0)
		return -1;
	for (i = 0; i < whole; i++)
		number = number * 10 + (digits[i] - '0');
	for (i = 0; i < part; i++, weight /= 10)
		number += weight * (digits[whole + 1 + i] - '0');
	*text += whole + (digits[whole] == '.' ? part + 1 : 0);
	return number;
}

int duration_parse(const char *text, struct error *err)
{
	const char *rest = text;
	double sum = 0, number, unit;

	if (*rest == '+')
		rest++;
	if (strcmp(rest, "0") == 0)
		return 0;
	do {
		number = take_number(&rest);
		unit = number < 0 ? 0 : take_unit(&rest);
		if (unit <= 0)
			return error_set(err, EINVAL, "\"%s\" is no duration (such as 5s)",
					 text);
		sum += number * unit;
	} while (*rest);
	if (!(sum <= INT_MAX))
		return error_set(err, ERANGE, "\"%s\" is too long", text);
	/* shorter than this is not waited for, but it is not nothing either */
	return sum > 0 && sum < 1 ? 1 : (int)sum;
}
