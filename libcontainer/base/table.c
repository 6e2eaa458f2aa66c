/* Linear name tables; the longest has about a hundred entries. */
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
