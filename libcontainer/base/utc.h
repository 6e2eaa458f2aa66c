/* The date and time of day in UTC. */
#pragma once

#include <time.h>

/* "2026-11-21T06:26:09" and its NUL, for any year up to 9999. */
#define UTC_TEXT_SIZE 20

/* Writes the time of day in the form of RFC 3339, without a fraction and without its "Z".
 * @seconds: since 1970, not negative, before the year 10000. */
void utc_text(time_t seconds, char ret_text[UTC_TEXT_SIZE]);
