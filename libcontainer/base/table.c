/* Linear name tables: exact, case-sensitive, in the order in which they are written down, so that of
 * two names with one value the first is the one that is printed. The longest has about a hundred
 * entries and is read once a command: a search that is cleverer would not be faster. */
#include "base/table.h"

#include <string.h>

const struct table_entry *table_find(const struct table_entry *entries, size_t count,
				     const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(entries[i].name, name) == 0)
			return &entries[i];
	return NULL;
}

const char *table_name(const struct table_entry *entries, size_t count, uint64_t value)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (entries[i].value == value)
			return entries[i].name;
	return NULL;
}
