/* JSON numbers as integers, from their digits: never through a double, which has 53 bits. JSON has no
 * integers of its own, so 1e3 and 2.0 are as good as 1000 and 2; a value that is not whole or does not
 * fit is refused, never rounded. */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

/* Where the digits of a number begin and end: value = 0.DIGITS... shifted by its exponent. */
struct decimal {
	bool negative;
	char digits[24]; /* without leading zeros, without the point, without trailing zeros */
	size_t count;
	bool too_long; /* more significant digits than any 64-bit integer has */
	long zeros; /* how many zeros follow the digits; negative: digits behind the point */
};

static struct decimal read_decimal(const char *text)
{
	struct decimal number = { .negative = *text == '-' };
	long fraction = 0, pending = 0, exponent = 0;
	bool behind_point = false;

	for (text += number.negative; *text && *text != 'e' && *text != 'E'; text++) {
		if (*text == '.') {
			behind_point = true;
			continue;
		}
		fraction += behind_point;
		if (*text == '0') { /* counts only when another digit follows */
			pending += number.count > 0;
			continue;
		}
		for (; pending > 0 && !number.too_long; pending--) {
			number.digits[number.count++] = '0';
			number.too_long = number.count > 20;
		}
		if (!number.too_long)
			number.digits[number.count++] = *text;
		number.too_long = number.too_long || number.count > 20;
	}
	if (*text) {
		exponent = strtol(text + 1, NULL, 10);
		if (exponent > 100000000)
			exponent = 100000000; /* far beyond any text of JSON_SIZE_MAX bytes */
		if (exponent < -100000000)
			exponent = -100000000;
	}
	number.zeros = pending - fraction + exponent;
	return number;
}

/* @ret_magnitude: without the sign. Returns as json_int64(). */
static int read_magnitude(const struct json_value *value, bool *ret_negative,
			  uint64_t *ret_magnitude)
{
	struct decimal number;
	uint64_t magnitude = 0;
	size_t i;

	if (!value || value->type != JSON_NUMBER)
		return -EINVAL;
	number = read_decimal(value->text);
	*ret_negative = number.negative;
	*ret_magnitude = 0;
	if (number.count == 0)
		return 0;
	if (number.too_long)
		return number.zeros < 0 ? -EINVAL : -ERANGE;
	if (number.zeros < 0)
		return -EINVAL;
	if ((long)number.count + number.zeros > 20)
		return -ERANGE;
	for (i = 0; i < number.count + (size_t)number.zeros; i++) {
		unsigned digit = i < number.count ? (unsigned)(number.digits[i] - '0') : 0;

		if (__builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude) ||
		    __builtin_add_overflow(magnitude, (uint64_t)digit, &magnitude))
			return -ERANGE;
	}
	*ret_magnitude = magnitude;
	return 0;
}

int json_int64(const struct json_value *value, int64_t *ret_number)
{
	uint64_t magnitude;
	bool negative;
	int r;

	r = read_magnitude(value, &negative, &magnitude);
	if (r < 0)
		return r;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret_number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return 0;
}

int json_uint64(const struct json_value *value, uint64_t *ret_number)
{
	uint64_t magnitude;
	bool negative;
	int r;

	r = read_magnitude(value, &negative, &magnitude);
	if (r < 0)
		return r;
	if (negative && magnitude > 0)
		return -ERANGE;
	*ret_number = magnitude;
	return 0;
}
