/* Calendar arithmetic, since gmtime_r(3) reads the rules of the local time zone from a file first, which UTC
 * has nothing to do with and which costs every container some 20 microseconds. Years begin in March here, so
 * that the leap day is the last of its year, and 400 of them are always 146,097 days. */
#include "base/utc.h"

#include <string.h>

#define SECONDS_A_DAY 86400
#define DAYS_IN_400_YEARS 146097
#define MARCH_1_OF_YEAR_0 719468 /* days before 1970 */

/* The last two digits of a number. */
static void put(char *at, unsigned number)
{
	at[0] = (char)('0' + number / 10 % 10);
	at[1] = (char)('0' + number % 10);
}

void utc_text(time_t seconds, char ret_text[UTC_TEXT_SIZE])
{
	unsigned days = (unsigned)(seconds / SECONDS_A_DAY) + MARCH_1_OF_YEAR_0;
	unsigned rest = (unsigned)(seconds % SECONDS_A_DAY);
	unsigned day = days % DAYS_IN_400_YEARS, year, month;

	/* leap days are taken out: one in 4 years, but not in 100, but in 400 */
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	year += days / DAYS_IN_400_YEARS * 400;
	month = (5 * day + 2) / 153; /* 0 is March; five months have 153 days */
	day -= (153 * month + 2) / 5;
	month += month < 10 ? 3 : (unsigned)-9;
	year += month <= 2;
	memcpy(ret_text, "0000-00-00T00:00:00", UTC_TEXT_SIZE);
	put(ret_text, year / 100);
	put(ret_text + 2, year);
	put(ret_text + 5, month);
	put(ret_text + 8, day + 1);
	put(ret_text + 11, rest / 3600);
	put(ret_text + 14, rest / 60 % 60);
	put(ret_text + 17, rest % 60);
}
