/* Lists of numbers such as "0-3,7", as processors and memory nodes are written, into the bit arrays that
 * system calls take. */
#pragma once

#include <stddef.h>

#define BITLIST_WORD (8 * sizeof(unsigned long))

/* Sets the bits that @list names in @bits, which is cleared first.
 * @list: numbers and ranges, separated by commas, with blanks between them; an empty one names nothing.
 * @bits: of @count bits, a multiple of BITLIST_WORD.
 * Returns how many bits are set, -EINVAL for what is no list, -ERANGE for a number of @count or more. */
int bitlist_parse(const char *list, unsigned long *bits, size_t count);
